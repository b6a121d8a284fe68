/** Names of the values that a schema accepts, for messages. */

import { compareTexts } from "./issue.js";
import { join, shorten } from "./messages.js";

/** The name of values that have no other name. */
export const OTHER = "a value of another schema";

/** The names of an alternative, and of those of unions inside it up to a number of levels. */
export type GetNames = (levels: number) => readonly string[];

/**
 * Returns the names of the alternatives of a union, if `levels` are left. Unions may share their
 * alternatives, and then the number of names doubles with every level.
 */
export function nameUnion(alternatives: readonly GetNames[], levels: number): readonly string[] {
  return levels === 0 ? [OTHER] : alternatives.flatMap((getNames) => getNames(levels - 1));
}

/** An `enum` with more constants than this has one name for all. */
const MAX_CONSTANTS = 3;

/** The maximum number of properties in the name of an object. */
const MAX_PROPERTIES = 3;

/** Returns the names of constants: `"a"` and `1`, or `one of 9 constants`. */
export function nameConstants(values: readonly unknown[]): readonly string[] {
  return values.length > MAX_CONSTANTS ? [`one of ${values.length} constants`] : values.map(shorten);
}

/** Returns `an array of strings`, or `an array` if the items have no plural. */
export function nameArray(items: string | undefined): string {
  return items === undefined ? "an array" : `an array of ${items}`;
}

/**
 * Names an object after its first constant, or after the properties that it must have. The order is
 * alphabetical, because an object does not keep the order of all names.
 */
export function nameObject(required: readonly string[], constants: ReadonlyMap<string, unknown> = new Map()): string {
  const [constant] = [...constants].sort(([one], [other]) => compareTexts(one, other));
  if (constant !== undefined) {
    return `an object with ${shorten(constant[0])}: ${shorten(constant[1])}`;
  }
  const names = required.slice().sort(compareTexts).map(shorten);
  return names.length === 0 ? "an object" : `an object with ${join(names, MAX_PROPERTIES, "and")}`;
}
