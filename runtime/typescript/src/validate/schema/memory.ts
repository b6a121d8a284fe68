/**
 * Memoization of readers.
 *
 * Each alternative reads the value again, and so do alternatives within alternatives, so that the time
 * would double with every level of nesting. The same applies to `allOf`, `if` and other keywords that
 * read one value several times. After a few visits within nested readers of this kind, each reader
 * therefore reads each value once.
 */

import { isPrimitive } from "./equal.js";
import { MAX_ISSUES } from "./issue.js";
import { type Found, type Reader, REJECTED, type Report } from "./report.js";

/** At fewer levels of such readers, nothing is memoized because values are read only a few times. */
const MIN_LEVEL = 2;

/** The number of visits before the first is memoized. Most payloads need fewer. */
const FREE_VISITS = 64;

/** The same for primitives, which are cheap to read again. */
const FREE_PRIMITIVE_VISITS = 4096;

/** The result of reading a value. */
interface Visit {
  readonly reader: object;
  /** The number of arrays and objects around the value; 0 for primitives. */
  readonly depth: number;
  /** Whether all of the value had to conform to the wire profile. */
  readonly isPayload: boolean;
  /** Whether unions gave no reasons, and whether `null` was allowed, too. Only messages depend on these. */
  readonly isReason: boolean;
  readonly allowsNull: boolean;
  readonly result: unknown;
  /** The issues; undefined if only the verdict mattered. */
  readonly found: readonly Found[] | undefined;
  /** An earlier visit of the same value. */
  readonly next: Visit | undefined;
}

/** The memoized results of one validation. */
export class Memory {
  #visits = 0;
  readonly #known = new Map<unknown, Visit>();

  /** Counts a visit. Returns the number of visits so far. */
  countVisit(): number {
    return ++this.#visits;
  }

  /** Reads a value, or returns the result of an earlier visit. */
  readOnce(read: Reader, value: unknown, report: Report): unknown {
    const known = this.recall(read, value, report);
    if (known !== undefined) {
      return known.result;
    }
    const since = report.found.length;
    return this.keep(read, value, report, since, read(value, report));
  }

  /** Returns an earlier visit, if it has the required details, and adds its issues to the report. */
  recall(reader: object, value: unknown, report: Report): Visit | undefined {
    const { isPayload } = report;
    const depth = depthOf(value, report);
    let visit = this.#known.get(keyOf(value));
    while (visit !== undefined && (visit.reader !== reader || visit.depth !== depth || visit.isPayload !== isPayload)) {
      visit = visit.next;
    }
    if (visit === undefined || visit.result !== REJECTED) {
      return visit;
    }
    if (report.isQuiet) {
      report.add("", "", undefined);
      return visit;
    }
    if (visit.found === undefined || visit.isReason !== report.isReason || visit.allowsNull !== report.allowsNull) {
      return undefined;
    }
    report.found.push(...visit.found.map(copyIssue));
    return visit;
  }

  /** Stores the result of a reader and its issues since `since`. Returns the result. */
  keep<Result>(reader: object, value: unknown, report: Report, since: number, result: Result): Result {
    let found: readonly Found[] | undefined;
    if (!report.isQuiet) {
      // Drops duplicates, whose number would otherwise double with every level.
      report.overflows(since);
      if (report.isFull) {
        // Readers stopped early, so the issues are not complete.
        return result;
      }
      found = report.found.slice(since, since + MAX_ISSUES + 1).map(copyIssue);
    }
    const key = keyOf(value);
    const { isPayload, isReason, allowsNull } = report;
    const depth = depthOf(value, report);
    // The latest visit comes first because it has the most details.
    this.#known.set(key, { reader, depth, isPayload, isReason, allowsNull, result, found, next: this.#known.get(key) });
    return result;
  }
}

/** Returns the memory of a validation, which all of its reports share. */
export function memoryOf(report: Report): Memory {
  return (report.memory ??= report.outer ? memoryOf(report.outer) : new Memory());
}

/** Counts a visit. Returns `true` if its result should be memoized. */
export function shouldMemoize(value: unknown, report: Report): boolean {
  return report.level >= MIN_LEVEL && memoryOf(report).countVisit() > (isPrimitive(value) ? FREE_PRIMITIVE_VISITS : FREE_VISITS);
}

/** Returns the depth of a value. The result for a primitive does not depend on it. */
function depthOf(value: unknown, report: Report): number {
  return isPrimitive(value) ? 0 : report.depth;
}

/** Copies an issue because containers append to its path. */
function copyIssue(found: Found): Found {
  return { ...found, path: found.path.slice() };
}

/** Returns the key of a value. Maps treat -0 as 0, but their results differ. */
function keyOf(value: unknown): unknown {
  return Object.is(value, -0) ? NEGATIVE_ZERO : value;
}

const NEGATIVE_ZERO = Symbol("-0");
