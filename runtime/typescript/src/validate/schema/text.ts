/** Strings: code points, patterns and formats. */

import type { Automaton } from "./automaton.js";
import { type Format, formats } from "./formats.js";
import { isWellFormed, refuseType } from "./json.js";
import { isInt64, isUint64 } from "./number.js";
import { type Reader, REFUSED, type Report } from "./report.js";
import { counted } from "./words.js";

/** What a string must be. */
export interface StringLimits {
  /** The fewest code points allowed. */
  minLength?: number;
  /** The most code points allowed. */
  maxLength?: number;
  /**
   * The regular expression that must match somewhere; as text it is read with the `u` flag. JavaScript
   * matches it natively, which can take exponential time, for instance for `^(\w+\s?)*$`. The compiler
   * writes an automaton for such patterns of definitions.
   */
  pattern?: Pattern;
  /** The format that the whole string must have. */
  format?: Format;
}

/** What a string can be matched with. */
export type Pattern = string | RegExp | Automaton;

/** The limits of a string, ready to be held against many. */
export interface TextRules {
  readonly minLength: number;
  readonly maxLength: number;
  readonly pattern: Pick<Automaton, "test"> | undefined;
  /** The pattern as it was written. */
  readonly source: string;
  readonly format: string;
  readonly isFormat: ((text: string) => boolean) | undefined;
  /** Texts of these lengths in UTF-16 units keep all limits, and need no closer look. */
  readonly sureFrom: number;
  readonly sureTo: number;
}

/** Prepares limits for {@link checkText}. */
export function textRules(limits: Omit<StringLimits, "format"> & { readonly format?: AnyFormat | undefined }): TextRules {
  const { minLength = 0, maxLength = LONGEST, pattern, format } = limits;
  return {
    minLength,
    maxLength,
    pattern: pattern === undefined ? undefined : matcher(pattern),
    source: pattern === undefined ? "" : sourceOf(pattern),
    format: format ?? "",
    isFormat: format && FORMATS[format],
    // A code point has one or two units.
    sureFrom: minLength > 1 ? 2 * minLength : minLength,
    sureTo: pattern !== undefined || format ? -1 : Math.min(maxLength, LONGEST),
  };
}

/** A pattern ready for use. */
export function matcher(pattern: Pattern): Pick<Automaton, "test"> {
  return typeof pattern === "string" || pattern instanceof RegExp ? regularExpression(pattern) : pattern;
}

/** A pattern as JavaScript's own, for those who only want to know it. */
export function regularExpression(pattern: Pattern): RegExp {
  if (pattern instanceof RegExp) {
    // A flag that keeps state between matches would make the verdict depend on the last value.
    return new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ""));
  }
  return new RegExp(sourceOf(pattern), "u");
}

function sourceOf(pattern: Pattern): string {
  return typeof pattern === "string" ? pattern : pattern.source;
}

/** Longer than any string, and still one of the small integers that lengths are. */
const LONGEST = 2 ** 30 - 1;

type AnyFormat = Format | "int64" | "uint64";

const FORMATS: Readonly<Record<AnyFormat, (text: string) => boolean>> = { ...formats, int64: isInt64, uint64: isUint64 };

/** Holds a text without lone surrogates against limits, and says whether it keeps them. */
export function checkText(rules: TextRules, text: string, report: Report): boolean {
  if (text.length >= rules.sureFrom && text.length <= rules.sureTo) {
    return true;
  }
  const { minLength, maxLength, pattern, isFormat } = rules;
  const since = report.found.length;
  if (text.length < minLength * 2 && codePoints(text) < minLength) {
    report.add("minLength", `must have at least ${counted(minLength, "character")}`, text);
  }
  if (text.length > maxLength && codePoints(text) > maxLength) {
    report.add("maxLength", `must have at most ${counted(maxLength, "character")}`, text);
    // What is too long already is not worth the time that a match takes.
    return false;
  }
  if (pattern !== undefined && !pattern.test(text)) {
    report.add("pattern", `must match the pattern ${rules.source}`, text);
  }
  if (isFormat !== undefined && !isFormat(text)) {
    report.add("format", `must be a valid ${rules.format}`, text);
  }
  return report.found.length === since;
}

/** A string of any Unicode text; a lone surrogate is none. */
export function string(limits: StringLimits): Reader {
  const rules = textRules(limits);
  return (value, report) => {
    if (typeof value !== "string" || !isWellFormed(value)) {
      return refuseType("must be a string", value, report);
    }
    return checkText(rules, value, report) ? undefined : REFUSED;
  };
}

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
