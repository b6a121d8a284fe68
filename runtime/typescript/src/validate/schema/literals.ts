/** Values that are what they are: `true`, `null`, literals, enums, nothing. */

import { equal, isPrimitive } from "./equal.js";
import { refuseProfile, refuseType } from "./json.js";
import type { Reader } from "./report.js";
import { choice, listed } from "./words.js";

/** `true` or `false`. */
export const boolean: Reader = (value, report) =>
  typeof value === "boolean" ? undefined : refuseType("must be a boolean", value, report);

/** `null`. */
export const nil: Reader = (value, report) => (value === null ? undefined : refuseType("must be null", value, report));

/** No value at all. */
export const never: Reader = (value, report) =>
  refuseProfile(value, report) ?? report.add("not", "is not allowed", value);

/** One of a few strings. */
export function enums(names: readonly string[]): Reader {
  const isOne = oneOfPrimitives(names);
  const [rule, message] = [choice(names), listed(names)];
  return (value, report) => {
    if (isOne(value)) {
      return undefined;
    }
    return refuseProfile(value, report) ?? report.add(rule, message, value);
  };
}

/** One of a few JSON values, compared deeply. */
export function literals(values: readonly unknown[]): Reader {
  const isOne = values.every(isPrimitive) ? oneOfPrimitives(values) : (value: unknown) => values.some((one) => equal(one, value));
  const [rule, message] = [choice(values), listed(values)];
  return (value, report) => {
    if (isOne(value)) {
      return undefined;
    }
    return value === undefined ? report.add("required", "is required", value) : report.add(rule, message, value);
  };
}

function oneOfPrimitives(values: readonly unknown[]): (value: unknown) => boolean {
  // A few comparisons are faster than a hash.
  if (values.length <= 8) {
    return (value) => values.includes(value);
  }
  const set = new Set(values);
  return (value) => set.has(value);
}
