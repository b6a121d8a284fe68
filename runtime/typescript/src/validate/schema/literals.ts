/** Readers of constants: booleans, null, literals and enums. */

import { isEqual, isPrimitive } from "./equal.js";
import { rejectByProfile, rejectType } from "./json.js";
import { choiceRejecter } from "./messages.js";
import type { Reader } from "./report.js";

/** Reads `true` or `false`. */
export const boolean: Reader = (value, report) =>
  typeof value === "boolean" ? undefined : rejectType("a boolean", value, report);

/** Reads `null`. */
export const nullValue: Reader = (value, report) => (value === null ? undefined : rejectType("null", value, report));

/** Rejects every value. */
export const never: Reader = (value, report) =>
  rejectByProfile(value, report) ?? report.add("not", "is not allowed", value);

/** Reads one of several strings. */
export function enumOf(names: readonly string[]): Reader {
  const isOne = oneOfPrimitives(names);
  const reject = choiceRejecter(names);
  return (value, report) => {
    if (isOne(value)) {
      return undefined;
    }
    return rejectByProfile(value, report) ?? reject(value, report);
  };
}

/** Reads one of several JSON values, compared deeply. */
export function literals(values: readonly unknown[]): Reader {
  const isOne = values.every(isPrimitive) ? oneOfPrimitives(values) : (value: unknown) => values.some((one) => isEqual(one, value));
  const reject = choiceRejecter(values);
  return (value, report) => {
    if (isOne(value)) {
      return undefined;
    }
    return value === undefined ? report.add("required", "is required", value) : reject(value, report);
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
