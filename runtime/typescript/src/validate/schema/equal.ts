/** Equality of JSON values: `1` is `1.0`, members in any order, own keys only. */

import { MAX_DEPTH } from "./report.js";

/** Returns `true` if two JSON values are equal. Recurses at most as deep as `left`. */
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

/** Returns `true` if a value is neither an object nor an array. */
export function isPrimitive(value: unknown): value is string | number | boolean | null {
  return !isObjectOrArray(value);
}

function isObjectOrArray(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** Returns the first item that equals an earlier one, and that one. Takes linear time. */
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

/**
 * Returns a text that is the same for equal values only. Values below the maximum depth are left out,
 * as they are rejected anyway.
 */
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
