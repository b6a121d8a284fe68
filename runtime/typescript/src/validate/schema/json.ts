/** JSON values, and the wire profile, to which every payload must conform. */

import { MAX_DEPTH, REJECTED, type Reader, type Report } from "./report.js";

/** Returns `true` if a value is a JSON object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Returns `true` if a text has no lone surrogate. */
export const isWellFormed: (text: string) => boolean =
  "isWellFormed" in String.prototype ? (text) => text.isWellFormed() : (text) => !/\p{Surrogate}/u.test(text);

/** Rejects a value that is not of a type, such as `a string`. A violation of the wire profile takes precedence. */
export function rejectType(type: string, value: unknown, report: Report, rule = "type"): typeof REJECTED {
  return rejectByProfile(value, report) ?? report.add(rule, `must be ${report.allowsNull ? "null or " : ""}${type}`, value);
}

/**
 * Rejects a value that no schema accepts: a missing one, an infinite number, a lone surrogate, or one
 * nested too deep.
 */
export function rejectByProfile(value: unknown, report: Report): typeof REJECTED | undefined {
  switch (typeof value) {
    case "undefined":
      return report.add("required", "is required", undefined);
    case "number":
      return Number.isFinite(value) ? undefined : report.add("type", "must be a finite number", value);
    case "string":
      return isWellFormed(value) ? undefined : report.add("type", "must not hold a lone surrogate", value);
    case "object":
      return value !== null && report.depth >= MAX_DEPTH ? rejectDepth(value, report) : undefined;
    default:
      return undefined;
  }
}

/** Rejects an array or object that is nested too deep, without reading its contents. */
export function rejectDepth(value: object, report: Report): typeof REJECTED {
  return report.add("depth", `must not be nested deeper than ${MAX_DEPTH} levels`, value);
}

/** Rejects a property because of its name. */
export function rejectName(value: unknown, report: Report): typeof REJECTED {
  return report.add("type", "must not have a lone surrogate in its name", value);
}

/**
 * Reads any JSON value within the wire profile: not `undefined`, infinite numbers, lone surrogates or
 * class instances.
 */
export const json: Reader = (value, report) => {
  switch (typeof value) {
    case "boolean":
      return undefined;
    case "string":
    case "number":
    case "undefined":
      return rejectByProfile(value, report);
    case "object":
      if (value === null) {
        return undefined;
      }
      // Without memory, alternatives that ignore the value would read its contents again at every level.
      return report.memory ? report.memory.readOnce(container, value, report) : container(value, report);
    default:
      return rejectType("a JSON value", value, report);
  }
};

function container(value: unknown, report: Report): unknown {
  if (report.depth >= MAX_DEPTH) {
    return rejectDepth(value as object, report);
  }
  const since = report.found.length;
  report.depth++;
  if (Array.isArray(value)) {
    readItems(value, report);
  } else {
    readMembers(value as Record<string, unknown>, report);
  }
  report.depth--;
  return report.found.length === since ? undefined : REJECTED;
}

function readItems(items: readonly unknown[], report: Report): void {
  const start = report.found.length;
  let since = start;
  for (let index = 0; index < items.length; index++) {
    if (json(items[index], report) === REJECTED) {
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
    const result = isWellFormed(name) ? json(object[name], report) : rejectName(object[name], report);
    if (result === REJECTED) {
      report.under(name, since);
      if (report.isQuiet || report.overflows(start)) {
        return;
      }
      since = report.found.length;
    }
  }
}

/** Returns `true` if an object is one that `JSON.parse` could return, in this realm or another. */
function isPlain(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object);
  return prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null;
}
