/** Equality of JSON values: `1` is `1.0`, members in any order, own keys only. */

import { MAX_DEPTH } from "./report.js";

/** Whether two JSON values are equal. Descends no further than the first one goes. */
export function equal(left: unknown, right: unknown): boolean {
  if (left === right) {
    return true;
  }
  if (!isObjectOrArray(left) || !isObjectOrArray(right) || Array.isArray(left) !== Array.isArray(right)) {
    return false;
  }
  const names = Object.keys(left);
  return (
    names.length === Object.keys(right).length &&
    names.every((name) => Object.hasOwn(right, name) && equal(left[name], right[name]))
  );
}

/** Whether a value is neither an object nor an array. */
export function isPrimitive(value: unknown): value is string | number | boolean | null {
  return !isObjectOrArray(value);
}

function isObjectOrArray(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** The first item that is equal to one before it, and that one. Takes time in proportion to the array. */
export function firstRepeated(items: readonly unknown[]): { index: number; earlier: number } | undefined {
  const primitives = new Map<unknown, number>();
  const others = new Map<string, number>();
  for (let index = 0; index < items.length; index++) {
    const item = items[index];
    const seen: Map<unknown, number> = isPrimitive(item) ? primitives : others;
    const key = isPrimitive(item) ? item : canonical(item);
    const earlier = seen.get(key);
    if (earlier !== undefined) {
      return { index, earlier };
    }
    seen.set(key, index);
  }
  return undefined;
}

/** A text that equal values share and others do not. What the wire profile refuses for its depth is cut. */
function canonical(value: unknown, depth = 0): string {
  if (!isObjectOrArray(value)) {
    return JSON.stringify(value);
  }
  if (depth > MAX_DEPTH) {
    return "";
  }
  if (Array.isArray(value)) {
    return `[${value.map((item) => canonical(item, depth + 1)).join()}]`;
  }
  const members = Object.keys(value).sort();
  return `{${members.map((name) => `${JSON.stringify(name)}:${canonical(value[name], depth + 1)}`).join()}}`;
}
