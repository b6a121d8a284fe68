/** Strings: code points, patterns and formats. */

import * as z from "zod";

import { exact, type Reading } from "./exact.js";
import { type Format, formats } from "./formats.js";
import { counted, refuse, refuseType } from "./issue.js";

/** What a string must be. */
export interface StringLimits {
  /** The fewest code points allowed. */
  minLength?: number;
  /** The most code points allowed. */
  maxLength?: number;
  /** The regular expression, with the `u` flag, that must match somewhere. */
  pattern?: RegExp;
  /** The format that the whole string must have. */
  format?: Format;
}

/**
 * A string of any Unicode text; a lone surrogate is none. Lengths count code points.
 *
 * @example
 * f.string({ minLength: 1, pattern: /^run_[a-z0-9]+$/u })
 */
export function string(limits: StringLimits = {}): z.ZodString {
  return exactString({ type: "string" }, limits);
}

const exactString = exact<z.ZodString, StringLimits>("String", z.ZodString, (limits, _, schema) => {
  describe(schema, limits);
  return reading(limits);
});

function reading({ minLength = 0, maxLength = Infinity, pattern, format }: StringLimits): Reading {
  const limited = minLength > 0 || maxLength < Infinity || pattern !== undefined || format !== undefined;
  // A flag that keeps state between matches would make the verdict depend on the last value.
  const matches = pattern && new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ""));
  const isFormat = format && formats[format];
  return (payload) => {
    const text = payload.value;
    if (typeof text !== "string") {
      refuseType(payload, "a string");
      return payload;
    }
    if (!isWellFormed(text)) {
      refuse(payload, "type", "must not hold a lone surrogate");
      return payload;
    }
    if (!limited) {
      return payload;
    }
    // The length in code units is at most twice the length in code points.
    if (text.length < minLength * 2 && codePoints(text) < minLength) {
      refuse(payload, "minLength", `must have at least ${counted(minLength, "character")}`);
    }
    if (text.length > maxLength && codePoints(text) > maxLength) {
      refuse(payload, "maxLength", `must have at most ${counted(maxLength, "character")}`);
    }
    if (matches && !matches.test(text)) {
      refuse(payload, "pattern", `must match the pattern ${matches.source}`);
    }
    if (isFormat && !isFormat(text)) {
      refuse(payload, "format", `must be a valid ${format}`);
    }
    return payload;
  };
}

/** What `z.toJSONSchema` and forms read the limits from. */
function describe(schema: z.ZodString, { minLength, maxLength, pattern, format }: StringLimits): void {
  const bag: Record<string, unknown> = schema._zod.bag;
  if (minLength !== undefined) bag["minimum"] = minLength;
  if (maxLength !== undefined) bag["maximum"] = maxLength;
  if (pattern !== undefined) bag["patterns"] = new Set([pattern]);
  if (format !== undefined) bag["format"] = format;
}

function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** Whether a text has no lone surrogate. */
export const isWellFormed: (text: string) => boolean =
  "isWellFormed" in String.prototype ? (text) => text.isWellFormed() : (text) => !/\p{Surrogate}/u.test(text);
