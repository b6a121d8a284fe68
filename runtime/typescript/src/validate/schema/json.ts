/** JSON values and the wire profile, which binds every payload whatever its schema says. */

import { MAX_DEPTH, REFUSED, type Reader, type Report } from "./report.js";

/** Whether a value is a JSON object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a text has no lone surrogate. */
export const isWellFormed: (text: string) => boolean =
  "isWellFormed" in String.prototype ? (text) => text.isWellFormed() : (text) => !/\p{Surrogate}/u.test(text);

/** Refuses a value of another type than the schema says. What breaks the wire profile is told first. */
export function refuseType(message: string, value: unknown, report: Report): typeof REFUSED {
  return refuseProfile(value, report) ?? report.add("type", message, value);
}

/** Refuses what no schema accepts: what is not there, not finite, no text or nested too deep. */
export function refuseProfile(value: unknown, report: Report): typeof REFUSED | undefined {
  switch (typeof value) {
    case "undefined":
      return report.add("required", "is required", undefined);
    case "number":
      return Number.isFinite(value) ? undefined : report.add("type", "must be a finite number", value);
    case "string":
      return isWellFormed(value) ? undefined : report.add("type", "must not hold a lone surrogate", value);
    case "object":
      return value !== null && report.depth >= MAX_DEPTH ? refuseDepth(value, report) : undefined;
    default:
      return undefined;
  }
}

/** Refuses an array or object that is nested too deep; nothing descends into it. */
export function refuseDepth(value: object, report: Report): typeof REFUSED {
  return report.add("depth", `must not be nested deeper than ${MAX_DEPTH} levels`, value);
}

/** Refuses a property for its name. */
export function refuseName(value: unknown, report: Report): typeof REFUSED {
  return report.add("type", "must not have a lone surrogate in its name", value);
}

/** Any JSON value within the wire profile: no `undefined`, no infinite number, no lone surrogate, no class of its own. */
export const json: Reader = (value, report) => {
  switch (typeof value) {
    case "boolean":
      return undefined;
    case "string":
    case "number":
    case "undefined":
      return refuseProfile(value, report);
    case "object":
      if (value === null) {
        return undefined;
      }
      // At every level, alternatives that ignore it would read all that is in it.
      return report.memory ? report.memory.readOnce(container, value, report) : container(value, report);
    default:
      return refuseType("must be a JSON value", value, report);
  }
};

function container(value: unknown, report: Report): unknown {
  if (report.depth >= MAX_DEPTH) {
    return refuseDepth(value as object, report);
  }
  const since = report.found.length;
  report.depth++;
  if (Array.isArray(value)) {
    readItems(value, report);
  } else {
    readMembers(value as Record<string, unknown>, report);
  }
  report.depth--;
  return report.found.length === since ? undefined : REFUSED;
}

function readItems(items: readonly unknown[], report: Report): void {
  const start = report.found.length;
  let since = start;
  for (let index = 0; index < items.length; index++) {
    if (json(items[index], report) === REFUSED) {
      report.under(index, since);
      if (report.isQuiet || report.overflows(start)) {
        return;
      }
      since = report.found.length;
    }
  }
}

function readMembers(object: Record<string, unknown>, report: Report): void {
  if (!isPlain(object)) {
    report.add("type", "must be a JSON value", object);
    return;
  }
  const start = report.found.length;
  let since = start;
  for (const name in object) {
    if (report.isPolluted && !Object.hasOwn(object, name)) {
      continue;
    }
    const result = isWellFormed(name) ? json(object[name], report) : refuseName(object[name], report);
    if (result === REFUSED) {
      report.under(name, since);
      if (report.isQuiet || report.overflows(start)) {
        return;
      }
      since = report.found.length;
    }
  }
}

/** Whether an object is what `JSON.parse` makes, in this realm or another. */
function isPlain(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object);
  return prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null;
}
