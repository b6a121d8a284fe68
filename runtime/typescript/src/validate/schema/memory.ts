/**
 * Results of earlier visits.
 *
 * Each alternative reads the value again, and so do alternatives inside of alternatives: without a memory,
 * the time doubles with every level of nesting. The same holds for `allOf`, `if` and whatever else looks at
 * one value several times. So after a few visits inside of nested readers of this kind, each reads each
 * value once.
 */

import { isPrimitive } from "./equal.js";
import { MAX_ISSUES } from "./issue.js";
import { type Found, type Reader, REFUSED, type Report } from "./report.js";

/** At fewer levels, values are read only a few times, so nothing is remembered. */
const SHALLOW = 2;

/** How many visits there are at nested levels before the first is remembered: most payloads need fewer. */
const UNREMEMBERED = 64;

/** The same for values that are soon read again. */
const UNREMEMBERED_PRIMITIVES = 4096;

/** What came of reading a value. */
interface Visit {
  readonly reader: object;
  /** How many arrays and objects enclosed the value, if that matters. */
  readonly depth: number;
  /** Whether the wire profile bound all of it. */
  readonly isPayload: boolean;
  readonly result: unknown;
  /** What was found; not known if only the verdict counted. */
  readonly found: readonly Found[] | undefined;
  /** Another visit of the same value. */
  readonly next: Visit | undefined;
}

/** What is remembered of the validation of one value. */
export class Memory {
  visits = 0;
  readonly #known = new Map<unknown, Visit>();

  /** What a reader returns for a value, now or on an earlier visit. */
  readOnce(read: Reader, value: unknown, report: Report): unknown {
    const known = this.recall(read, value, report);
    if (known !== undefined) {
      return known.result;
    }
    const since = report.found.length;
    return this.keep(read, value, report, since, read(value, report));
  }

  /** An earlier visit, if it says all that is asked. Reports again what it found. */
  recall(reader: object, value: unknown, report: Report): Visit | undefined {
    const { isPayload } = report;
    const depth = depthOf(value, report);
    let visit = this.#known.get(keyOf(value));
    while (visit !== undefined && (visit.reader !== reader || visit.depth !== depth || visit.isPayload !== isPayload)) {
      visit = visit.next;
    }
    if (visit === undefined || visit.result !== REFUSED) {
      return visit;
    }
    if (report.isQuiet) {
      report.add("", "", undefined);
      return visit;
    }
    if (visit.found === undefined) {
      return undefined;
    }
    report.found.push(...visit.found.map(copied));
    return visit;
  }

  /** Remembers what a reader returned for a value, and what it found since then. Returns the same. */
  keep<Result>(reader: object, value: unknown, report: Report, since: number, result: Result): Result {
    let found: readonly Found[] | undefined;
    if (!report.isQuiet) {
      // Drops what was found twice, so that it does not double with every level.
      report.overflows(since);
      if (report.isFull) {
        // Readers stopped, so what they would have found is not known.
        return result;
      }
      found = report.found.slice(since, since + MAX_ISSUES + 1).map(copied);
    }
    const key = keyOf(value);
    const { isPayload } = report;
    const depth = depthOf(value, report);
    // The latest visit comes first, and says the most.
    this.#known.set(key, { reader, depth, isPayload, result, found, next: this.#known.get(key) });
    return result;
  }
}

/** The memory of a validation, which all of its reports share. */
export function memoryOf(report: Report): Memory {
  return (report.memory ??= report.outer ? memoryOf(report.outer) : new Memory());
}

/** Whether the next visit of a value is to be recalled or remembered. */
export function remembers(value: unknown, report: Report): boolean {
  return report.level >= SHALLOW && isOften(value, memoryOf(report));
}

function isOften(value: unknown, memory: Memory): boolean {
  return ++memory.visits > (isPrimitive(value) ? UNREMEMBERED_PRIMITIVES : UNREMEMBERED);
}

/** A text or a number is judged alike at every depth. */
function depthOf(value: unknown, report: Report): number {
  return isPrimitive(value) ? 0 : report.depth;
}

/** Parents add to the path. */
function copied(found: Found): Found {
  return { ...found, path: found.path.slice() };
}

/** Maps do not tell -0 from 0, and only one of them is read as it is. */
function keyOf(value: unknown): unknown {
  return Object.is(value, -0) ? NEGATIVE_ZERO : value;
}

const NEGATIVE_ZERO = Symbol("-0");
