/** Numbers, integers, and 64-bit integers in strings. */

import { isMultiple } from "./decimal.js";
import { rejectType } from "./json.js";
import { type Reader, REJECTED, type Report } from "./report.js";

/** The limits of an integer, inclusive. */
export interface IntegerLimits {
  minimum?: number;
  maximum?: number;
  multipleOf?: number;
}

/** The limits of a number. */
export interface NumberLimits extends IntegerLimits {
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
}

/** The prepared limits of a number. */
export interface NumberRules {
  readonly minimum: number;
  readonly maximum: number;
  readonly exclusiveMinimum: number;
  readonly exclusiveMaximum: number;
  readonly multipleOf: number | undefined;
  /** A number between these two is within all limits, so that no other check is needed. */
  readonly fastMin: number;
  readonly fastMax: number;
}

/** Prepares limits for {@link checkNumber}. */
export function numberRules(limits: NumberLimits): NumberRules {
  const { minimum = -Infinity, maximum = Infinity, exclusiveMinimum = -Infinity, exclusiveMaximum = Infinity, multipleOf } = limits;
  const isSimple = exclusiveMinimum === -Infinity && exclusiveMaximum === Infinity && multipleOf === undefined;
  const [fastMin, fastMax] = isSimple ? [minimum, maximum] : [Infinity, -Infinity];
  return { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, fastMin, fastMax };
}

/** Returns 0 for `-0`. */
function normalizeZero(number: number): 0 | undefined {
  return number === 0 && 1 / number < 0 ? 0 : undefined;
}

/** Checks a finite number. Returns `true` if it is within the limits. */
export function checkNumber(rules: NumberRules, number: number, report: Report): boolean {
  if (number >= rules.fastMin && number <= rules.fastMax) {
    return true;
  }
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = rules;
  const since = report.found.length;
  if (number < minimum) report.add("minimum", `must be at least ${minimum}`, number);
  if (number > maximum) report.add("maximum", `must be at most ${maximum}`, number);
  if (number <= exclusiveMinimum) report.add("exclusiveMinimum", `must be greater than ${exclusiveMinimum}`, number);
  if (number >= exclusiveMaximum) report.add("exclusiveMaximum", `must be less than ${exclusiveMaximum}`, number);
  if (multipleOf !== undefined && !isMultiple(number, multipleOf)) {
    report.add("multipleOf", `must be a multiple of ${multipleOf}`, number);
  }
  return report.found.length === since;
}

/** Reads an integer that every JSON runtime represents exactly; `1.0` is one. */
export function int(limits: IntegerLimits): Reader {
  const rules = numberRules(clampToSafe(limits));
  return (value, report) => {
    if (typeof value !== "number" || !Number.isInteger(value)) {
      return rejectType("an integer", value, report);
    }
    return checkNumber(rules, value, report) ? normalizeZero(value) : REJECTED;
  };
}

/** Returns the limits of an integer, clamped to ±(2^53 − 1). */
export function clampToSafe(limits: IntegerLimits): IntegerLimits {
  const minimum = Math.max(limits.minimum ?? -Infinity, Number.MIN_SAFE_INTEGER);
  const maximum = Math.min(limits.maximum ?? Infinity, Number.MAX_SAFE_INTEGER);
  return { ...limits, minimum, maximum };
}

/** Reads a finite number. `-0` becomes 0. */
export function number(limits: NumberLimits): Reader {
  const rules = numberRules(limits);
  return (value, report) => {
    if (typeof value !== "number" || !Number.isFinite(value)) {
      return rejectType("a number", value, report);
    }
    return checkNumber(rules, value, report) ? normalizeZero(value) : REJECTED;
  };
}

/** The range of a 64-bit integer. */
interface Range {
  readonly name: string;
  readonly minimum: bigint;
  readonly maximum: bigint;
}

const INT64: Range = { name: "a 64-bit integer in a string", minimum: -0x8000_0000_0000_0000n, maximum: 0x7fff_ffff_ffff_ffffn };
const UINT64: Range = { name: "an unsigned 64-bit integer in a string", minimum: 0n, maximum: 0xffff_ffff_ffff_ffffn };

/** Reads a signed 64-bit integer: a decimal string in JSON, a `bigint` here. */
export const int64: Reader = /* @__PURE__ */ integer64(INT64);

/** Reads an unsigned 64-bit integer: a decimal string in JSON, a `bigint` here. */
export const uint64: Reader = /* @__PURE__ */ integer64(UINT64);

/** Returns `true` if a text is a signed 64-bit integer. */
export const isInt64 = (text: string): boolean => isWithin(parseInteger(text), INT64);

/** Returns `true` if a text is an unsigned 64-bit integer. */
export const isUint64 = (text: string): boolean => isWithin(parseInteger(text), UINT64);

function integer64(range: Range): Reader {
  return (value, report) => {
    const { isBackward } = report;
    const integer = isBackward ? value : parseInteger(value);
    if (isWithin(integer, range)) {
      return isBackward ? integer.toString() : integer;
    }
    return rejectType(range.name, value, report, "format");
  };
}

function parseInteger(text: unknown): bigint | undefined {
  return typeof text === "string" && text.length <= 20 && /^(?:0|-?[1-9][0-9]*)$/.test(text) ? BigInt(text) : undefined;
}

function isWithin(integer: unknown, { minimum, maximum }: Range): integer is bigint {
  return typeof integer === "bigint" && integer >= minimum && integer <= maximum;
}
