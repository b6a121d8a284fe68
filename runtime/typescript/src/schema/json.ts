/** JSON values and the wire profile, which binds every payload whatever its schema says. */

import { MAX_DEPTH, type Reader, type Report } from "./report.js";

/** Whether a value is a JSON object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a text has no lone surrogate. */
export const isWellFormed: (text: string) => boolean =
  "isWellFormed" in String.prototype ? (text) => text.isWellFormed() : (text) => !/\p{Surrogate}/u.test(text);

/** Refuses a value of another type than the schema says. What breaks the wire profile is told first. */
export function refuseType(message: string, value: unknown, report: Report): unknown {
  if (!refuseScalar(value, report)) {
    if (typeof value === "object" && value !== null && report.depth >= MAX_DEPTH) {
      refuseDepth(value, report);
    } else {
      report.add("type", message, value);
    }
  }
  return value;
}

/** Refuses what is not there, is not finite or is no text, whatever the schema says. */
export function refuseScalar(value: unknown, report: Report): boolean {
  if (value === undefined) {
    report.add("required", "is required", undefined);
  } else if (typeof value === "number" && !Number.isFinite(value)) {
    report.add("type", "must be a finite number", value);
  } else if (typeof value === "string" && !isWellFormed(value)) {
    report.add("type", "must not hold a lone surrogate", value);
  } else {
    return false;
  }
  return true;
}

/** Refuses an array or object that is nested too deep; nothing descends into it. */
export function refuseDepth(value: unknown, report: Report): unknown {
  report.add("depth", `must not be nested deeper than ${MAX_DEPTH} levels`, value);
  return value;
}

/** Refuses a property for its name. */
export function refuseName(value: unknown, report: Report): void {
  report.add("type", "must not have a lone surrogate in its name", value);
}

/** Any JSON value within the wire profile: no `undefined`, no infinite number, no lone surrogate, no class of its own. */
export const json: Reader = (value, report) => {
  if (typeof value === "boolean" || value === null || refuseScalar(value, report)) {
    return value;
  }
  if (typeof value === "object") {
    if (report.depth >= MAX_DEPTH) {
      return refuseDepth(value, report);
    }
    report.depth++;
    if (Array.isArray(value)) {
      readItems(value, report);
    } else {
      readMembers(value as Record<string, unknown>, report);
    }
    report.depth--;
  } else if (typeof value !== "string" && typeof value !== "number") {
    report.add("type", "must be a JSON value", value);
  }
  return value;
};

function readItems(items: readonly unknown[], report: Report): void {
  for (let index = 0; index < items.length; index++) {
    const since = report.found.length;
    json(items[index], report);
    if (report.found.length !== since) {
      report.under(index, since);
    }
  }
}

function readMembers(object: Record<string, unknown>, report: Report): void {
  if (!isPlain(object)) {
    report.add("type", "must be a JSON value", object);
    return;
  }
  for (const name in object) {
    if (report.isPolluted && !Object.hasOwn(object, name)) {
      continue;
    }
    const since = report.found.length;
    if (isWellFormed(name)) {
      json(object[name], report);
    } else {
      refuseName(object[name], report);
    }
    if (report.found.length !== since) {
      report.under(name, since);
    }
  }
}

/** Whether an object is what `JSON.parse` makes, in this realm or another. */
function isPlain(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object);
  return prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null;
}
