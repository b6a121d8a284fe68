/**
 * Results of earlier visits.
 *
 * Each alternative reads the value again, and so do alternatives inside of alternatives: without a memory,
 * the time doubles with every level of nesting. The same holds for `allOf`, `if` and whatever else looks at
 * one value several times. So after a few visits inside of nested readers of this kind, each reads each
 * value once.
 */

import { isPrimitive } from "./equal.js";
import { type Found, type Reader, REFUSED, type Report } from "./report.js";

/** At fewer levels, values are read only a few times, so nothing is remembered. */
const SHALLOW = 2;

/** How many visits there are at nested levels before the first is remembered: most payloads need fewer. */
const UNREMEMBERED = 64;

/** What came of reading a value. */
interface Visit {
  /** How many arrays and objects enclosed the value. */
  readonly depth: number;
  readonly result: unknown;
  /** What was found; not known if only the verdict counted. */
  readonly found: readonly Found[] | undefined;
}

/** What is remembered of the validation of one value. */
export class Memory {
  visits = 0;
  /** By reader and value: what came of it, without the wire profile and with it. */
  readonly #known = new Map<object, Map<unknown, [Visit?, Visit?]>>();

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
    const visit = this.#known.get(reader)?.get(keyOf(value))?.[report.isPayload ? 1 : 0];
    if (visit === undefined || (visit.depth !== report.depth && !isPrimitive(value))) {
      return undefined;
    }
    if (visit.result !== REFUSED) {
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
    const values = ofKey(this.#known, reader, () => new Map<unknown, [Visit?, Visit?]>());
    const visits = ofKey(values, keyOf(value), (): [Visit?, Visit?] => []);
    let found: readonly Found[] | undefined;
    if (!report.isQuiet) {
      // Drops what was found twice, so that it does not double with every level.
      report.overflows(since);
      found = report.found.slice(since).map(copied);
    }
    visits[report.isPayload ? 1 : 0] = { depth: report.depth, result, found };
    return result;
  }
}

/** The memory of a validation, which all of its reports share. */
export function memoryOf(report: Report): Memory {
  return (report.memory ??= report.outer ? memoryOf(report.outer) : new Memory());
}

/** Whether the next visit is to be recalled or remembered. */
export function remembers(report: Report): boolean {
  return report.level >= SHALLOW && ++memoryOf(report).visits > UNREMEMBERED;
}

function ofKey<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
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
