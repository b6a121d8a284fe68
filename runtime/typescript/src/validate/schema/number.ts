/** Numbers, integers, and 64-bit integers in strings. */

import { isMultiple } from "./decimal.js";
import { refuseProfile, refuseType } from "./json.js";
import { type Reader, REFUSED, type Report } from "./report.js";

/** What an integer must be; limits are inclusive. */
export interface IntegerLimits {
  minimum?: number;
  maximum?: number;
  multipleOf?: number;
}

/** What a number must be. */
export interface NumberLimits extends IntegerLimits {
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
}

/** The limits of a number, ready to be held against many. */
export interface NumberRules {
  readonly minimum: number;
  readonly maximum: number;
  readonly exclusiveMinimum: number;
  readonly exclusiveMaximum: number;
  readonly multipleOf: number | undefined;
  /** Numbers within these keep all limits, and need no closer look. */
  readonly sureFrom: number;
  readonly sureTo: number;
}

/** Prepares limits for {@link checkNumber}. */
export function numberRules(limits: NumberLimits): NumberRules {
  const { minimum = -Infinity, maximum = Infinity, exclusiveMinimum = -Infinity, exclusiveMaximum = Infinity, multipleOf } = limits;
  const isSimple = exclusiveMinimum === -Infinity && exclusiveMaximum === Infinity && multipleOf === undefined;
  const [sureFrom, sureTo] = isSimple ? [minimum, maximum] : [Infinity, -Infinity];
  return { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, sureFrom, sureTo };
}

/** `-0` becomes 0. */
function unsigned(number: number): 0 | undefined {
  return number === 0 && 1 / number < 0 ? 0 : undefined;
}

/** Holds a finite number against limits, and says whether it keeps them. */
export function checkNumber(rules: NumberRules, number: number, report: Report): boolean {
  if (number >= rules.sureFrom && number <= rules.sureTo) {
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

/** An integer that every JSON runtime holds exactly; `1.0` is one. */
export function integer(limits: IntegerLimits): Reader {
  const rules = numberRules(safe(limits));
  return (value, report) => {
    if (typeof value !== "number" || !Number.isInteger(value)) {
      return refuseType("must be an integer", value, report);
    }
    return checkNumber(rules, value, report) ? unsigned(value) : REFUSED;
  };
}

/** The limits of an integer, none beyond ±(2^53 − 1). */
export function safe(limits: IntegerLimits): IntegerLimits {
  const minimum = Math.max(limits.minimum ?? -Infinity, Number.MIN_SAFE_INTEGER);
  const maximum = Math.min(limits.maximum ?? Infinity, Number.MAX_SAFE_INTEGER);
  return { ...limits, minimum, maximum };
}

/** A finite number. `-0` is read as 0. */
export function number(limits: NumberLimits): Reader {
  const rules = numberRules(limits);
  return (value, report) => {
    if (typeof value !== "number" || !Number.isFinite(value)) {
      return refuseType("must be a number", value, report);
    }
    return checkNumber(rules, value, report) ? unsigned(value) : REFUSED;
  };
}

/** What a 64-bit integer must be. */
interface Range {
  readonly name: string;
  readonly minimum: bigint;
  readonly maximum: bigint;
}

const INT64: Range = { name: "a 64-bit integer", minimum: -(2n ** 63n), maximum: 2n ** 63n - 1n };
const UINT64: Range = { name: "an unsigned 64-bit integer", minimum: 0n, maximum: 2n ** 64n - 1n };

/** A signed 64-bit integer: a string of decimal digits in JSON, a `bigint` here. */
export const int64: Reader = integer64(INT64);

/** An unsigned 64-bit integer: a string of decimal digits in JSON, a `bigint` here. */
export const uint64: Reader = integer64(UINT64);

/** Whether a text is how a signed 64-bit integer is written. */
export const isInt64 = (text: string): boolean => isWithin(parsed(text), INT64);

/** Whether a text is how an unsigned 64-bit integer is written. */
export const isUint64 = (text: string): boolean => isWithin(parsed(text), UINT64);

function integer64(range: Range): Reader {
  return (value, report) => {
    const { isBackward } = report;
    const integer = isBackward ? value : parsed(value);
    if (isWithin(integer, range)) {
      return isBackward ? integer.toString() : integer;
    }
    return refuseProfile(value, report) ?? report.add("format", `must be ${range.name} in a string`, value);
  };
}

function parsed(text: unknown): bigint | undefined {
  return typeof text === "string" && text.length <= 20 && /^(?:0|-?[1-9][0-9]*)$/.test(text) ? BigInt(text) : undefined;
}

function isWithin(integer: unknown, { minimum, maximum }: Range): integer is bigint {
  return typeof integer === "bigint" && integer >= minimum && integer <= maximum;
}
