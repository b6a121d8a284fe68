/** The wire profile: what binds every payload, whatever its schema says. */

import { isWellFormed } from "./string.js";

/** How many arrays and objects may be nested in each other. */
const MAX_DEPTH = 127;

/** Where and how a value breaks the wire profile. */
export interface Breach {
  path: PropertyKey[];
  rule: string;
  message: string;
}

/** The first breach in a value, if there is one. Does not descend further than the profile allows. */
export function breach(value: unknown, depth = 0): Breach | undefined {
  switch (typeof value) {
    case "string":
      return isWellFormed(value) ? undefined : found("type", "must not hold a lone surrogate");
    case "number":
      return Number.isFinite(value) ? undefined : found("type", "must be a finite number");
    case "boolean":
      return undefined;
    case "object":
      break;
    case "undefined":
      return found("required", "is required");
    default:
      return found("type", "must be a JSON value");
  }
  if (value === null) {
    return undefined;
  }
  if (depth >= MAX_DEPTH) {
    return found("depth", `must not be nested deeper than ${MAX_DEPTH} levels`);
  }
  return Array.isArray(value) ? breachOfItems(value, depth) : breachOfMembers(value as Record<string, unknown>, depth);
}

function breachOfItems(items: readonly unknown[], depth: number): Breach | undefined {
  for (let index = 0; index < items.length; index++) {
    const inside = breach(items[index], depth + 1);
    if (inside) {
      inside.path.unshift(index);
      return inside;
    }
  }
  return undefined;
}

function breachOfMembers(object: Record<string, unknown>, depth: number): Breach | undefined {
  if (!isPlain(object)) {
    return found("type", "must be a JSON value");
  }
  for (const name of Object.keys(object)) {
    const inside = isWellFormed(name) ? breach(object[name], depth + 1) : found("type", "must not have a lone surrogate in its name");
    if (inside) {
      inside.path.unshift(name);
      return inside;
    }
  }
  return undefined;
}

/** Whether an object is what `JSON.parse` makes, in this realm or another. */
function isPlain(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object);
  return prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null;
}

function found(rule: string, message: string): Breach {
  return { path: [], rule, message };
}
