/** Numbers, integers, and 64-bit integers in strings. */

import * as z from "zod";

import { isMultiple } from "./decimal.js";
import { exact, type Reading } from "./exact.js";
import { refuse, refuseType } from "./issue.js";

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

/** An integer that every JSON runtime holds exactly, that is within ±(2^53 − 1); `1.0` is one. */
export function integer(limits: IntegerLimits = {}): z.ZodNumber {
  const minimum = Math.max(limits.minimum ?? -Infinity, Number.MIN_SAFE_INTEGER);
  const maximum = Math.min(limits.maximum ?? Infinity, Number.MAX_SAFE_INTEGER);
  return exactNumber({ type: "number" }, { ...limits, minimum, maximum, isWhole: true });
}

/** A finite number. `-0` is read as 0; `multipleOf` is exact on decimals. */
export function number(limits: NumberLimits = {}): z.ZodNumber {
  return exactNumber({ type: "number" }, { ...limits, isWhole: false });
}

interface Rules extends NumberLimits {
  isWhole: boolean;
}

const exactNumber = exact<z.ZodNumber, Rules>("Number", z.ZodNumber, (rules, _, schema) => {
  describe(schema, rules);
  return reading(rules);
});

function reading(rules: Rules): Reading {
  const { minimum = -Infinity, maximum = Infinity, exclusiveMinimum = -Infinity, exclusiveMaximum = Infinity } = rules;
  const { isWhole, multipleOf } = rules;
  return (payload) => {
    const number = payload.value;
    if (typeof number !== "number") {
      refuseType(payload, isWhole ? "an integer" : "a number");
      return payload;
    }
    if (!Number.isFinite(number)) {
      refuse(payload, "type", "must be a finite number");
      return payload;
    }
    if (number === 0) {
      payload.value = 0; // -0 too
    }
    if (isWhole && !Number.isInteger(number)) {
      refuse(payload, "type", "must be an integer");
      return payload;
    }
    if (number < minimum) refuse(payload, "minimum", `must be at least ${minimum}`);
    if (number > maximum) refuse(payload, "maximum", `must be at most ${maximum}`);
    if (number <= exclusiveMinimum) refuse(payload, "exclusiveMinimum", `must be greater than ${exclusiveMinimum}`);
    if (number >= exclusiveMaximum) refuse(payload, "exclusiveMaximum", `must be less than ${exclusiveMaximum}`);
    if (multipleOf !== undefined && !isMultiple(number, multipleOf)) {
      refuse(payload, "multipleOf", `must be a multiple of ${multipleOf}`);
    }
    return payload;
  };
}

/** What `z.toJSONSchema` and forms read the limits from. */
function describe(schema: z.ZodNumber, rules: Rules): void {
  const bag: Record<string, unknown> = schema._zod.bag;
  const { isWhole, ...limits } = rules;
  Object.assign(bag, limits, isWhole ? { format: "safeint" } : {});
}

/** A signed 64-bit integer: a string of decimal digits in JSON, a `bigint` here. */
export function int64(): z.ZodType<bigint, string> {
  return exactInteger64({ type: "int64" }, { ...INT64, name: "a 64-bit integer" });
}

/** An unsigned 64-bit integer: a string of decimal digits in JSON, a `bigint` here. */
export function uint64(): z.ZodType<bigint, string> {
  return exactInteger64({ type: "uint64" }, { ...UINT64, name: "an unsigned 64-bit integer" });
}

const INT64 = { minimum: -(2n ** 63n), maximum: 2n ** 63n - 1n };
const UINT64 = { minimum: 0n, maximum: 2n ** 64n - 1n };

interface Range64 {
  minimum: bigint;
  maximum: bigint;
  name: string;
}

const exactInteger64 = exact<z.ZodType<bigint, string>, Range64>("Integer64", z.ZodType, (range, _, schema) => {
  schema._zod.toJSONSchema = () => ({ type: "string", format: schema._zod.def.type });
  return (payload, context) => {
    const backward = context.direction === "backward";
    const number = backward ? payload.value : parsed(payload.value);
    if (typeof number === "bigint" && number >= range.minimum && number <= range.maximum) {
      payload.value = backward ? number.toString() : number;
    } else if (payload.value === undefined) {
      refuseType(payload, range.name);
    } else {
      refuse(payload, "format", `must be ${range.name} in a string`);
    }
    return payload;
  };
});

function parsed(text: unknown): bigint | undefined {
  return typeof text === "string" && text.length <= 20 && /^(?:0|-?[1-9][0-9]*)$/.test(text) ? BigInt(text) : undefined;
}
