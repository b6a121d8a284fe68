/** Strings: code points, patterns and formats. */

import { type Format, formats } from "./formats.js";
import { isWellFormed, refuseType } from "./json.js";
import { type Reader, REFUSED, type Report } from "./report.js";
import { counted } from "./words.js";

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

/** The limits of a string, with the words for what breaks them. */
export interface TextRules {
  readonly minLength: number;
  readonly maxLength: number;
  readonly pattern: RegExp | undefined;
  readonly isFormat: ((text: string) => boolean) | undefined;
  readonly format: string;
}

/** Prepares limits for {@link checkText}. */
export function textRules({ minLength = 0, maxLength = Infinity, pattern, format }: StringLimits): TextRules {
  return {
    minLength,
    maxLength,
    // A flag that keeps state between matches would make the verdict depend on the last value.
    pattern: pattern && new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, "")),
    isFormat: format && formats[format],
    format: format ?? "",
  };
}

/** Holds a text without lone surrogates against limits, and says whether it keeps them. */
export function checkText(rules: TextRules, text: string, report: Report): boolean {
  const { minLength, maxLength, pattern, isFormat } = rules;
  let isValid = true;
  // A code point has one or two units, so that most texts need no counting.
  if (text.length < minLength * 2 && codePoints(text) < minLength) {
    report.add("minLength", `must have at least ${counted(minLength, "character")}`, text);
    isValid = false;
  }
  if (text.length > maxLength && codePoints(text) > maxLength) {
    report.add("maxLength", `must have at most ${counted(maxLength, "character")}`, text);
    isValid = false;
  }
  if (pattern !== undefined && !pattern.test(text)) {
    report.add("pattern", `must match the pattern ${pattern.source}`, text);
    isValid = false;
  }
  if (isFormat !== undefined && !isFormat(text)) {
    report.add("format", `must be a valid ${rules.format}`, text);
    isValid = false;
  }
  return isValid;
}

/** A string of any Unicode text; a lone surrogate is none. */
export function string(limits: StringLimits): Reader {
  if (Object.values(limits).every((limit) => limit === undefined)) {
    return anyString;
  }
  const rules = textRules(limits);
  return (value, report) => {
    if (typeof value !== "string" || !isWellFormed(value)) {
      return refuseType("must be a string", value, report);
    }
    return checkText(rules, value, report) ? undefined : REFUSED;
  };
}

const anyString: Reader = (value, report) =>
  typeof value === "string" && isWellFormed(value) ? undefined : refuseType("must be a string", value, report);

/** How many code points a text without lone surrogates has. */
function codePoints(text: string): number {
  let count = text.length;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit >= 0xd800 && unit <= 0xdbff) {
      count--;
      index++;
    }
  }
  return count;
}
