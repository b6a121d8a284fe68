/**
 * Results of earlier visits.
 *
 * Each alternative reads the value again, and so do alternatives inside of alternatives: without a memory,
 * the time doubles with every level of nesting. So after a few visits inside of nested alternatives, each
 * reader reads each value once.
 */

import { isPrimitive } from "./equal.js";
import { type Found, type Reader, REFUSED, type Report } from "./report.js";

/** Values inside of fewer alternatives are read only a few times, so nothing is remembered of them. */
const SHALLOW = 2;

/** How many visits inside of nested alternatives there are before the first is remembered: most payloads need fewer. */
const UNREMEMBERED = 64;

/** What is remembered of the validation of one value. */
export interface Memory {
  visits: number;
  /** By reader and value: what came of it, without the wire profile and with it. */
  readonly known: Map<object, Map<unknown, [Visit?, Visit?]>>;
}

/** What came of reading a value. */
export interface Visit {
  /** How many arrays and objects enclosed the value. */
  readonly depth: number;
  readonly result: unknown;
  /** What was found; not known if only the verdict counted. */
  readonly found: readonly Found[] | undefined;
}

/** What a reader returns for a value, now or on an earlier visit. */
export function readOnce(read: Reader, value: unknown, report: Report): unknown {
  const known = recall(read, value, report);
  if (known !== undefined) {
    return known.result;
  }
  const since = report.found.length;
  return remember(read, value, report, since, read(value, report));
}

/** Whether the next visit is to be recalled or remembered. */
export function remembers(report: Report): boolean {
  return report.level >= SHALLOW && ++memoryOf(report).visits > UNREMEMBERED;
}

/** What is remembered of a validation, shared by all reports of it. */
export function memoryOf(report: Report): Memory {
  return (report.memory ??= { visits: 0, known: new Map() });
}

/** An earlier visit, if it says all that is asked. Reports again what it found. */
export function recall(reader: object, value: unknown, report: Report): Visit | undefined {
  const visit = memoryOf(report).known.get(reader)?.get(keyOf(value))?.[report.isPayload ? 1 : 0];
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
export function remember<Result>(reader: object, value: unknown, report: Report, since: number, result: Result): Result {
  const { known } = memoryOf(report);
  let values = known.get(reader);
  if (values === undefined) {
    known.set(reader, (values = new Map()));
  }
  const key = keyOf(value);
  let visits = values.get(key);
  if (visits === undefined) {
    values.set(key, (visits = []));
  }
  let found: readonly Found[] | undefined;
  if (!report.isQuiet) {
    // Drops what was found twice, so that it does not double with every level.
    report.overflows(since);
    found = report.found.slice(since).map(copied);
  }
  visits[report.isPayload ? 1 : 0] = { depth: report.depth, result, found };
  return result;
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
