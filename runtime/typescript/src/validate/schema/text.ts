/** Readers of strings: lengths in code points, patterns and formats. */

import type { Automaton } from "./automaton.js";
import type { Format } from "./formats.js";
import { isWellFormed, rejectType } from "./json.js";
import { pluralize } from "./messages.js";
import { type Reader, REJECTED, type Report } from "./report.js";

/** The limits of a string. */
export interface StringLimits {
  /** The minimum number of code points. */
  minLength?: number;
  /** The maximum number of code points. */
  maxLength?: number;
  /**
   * A regular expression that must match anywhere in the string; as a string it has the `u` flag.
   * JavaScript matches it natively, which can take exponential time, for example for `^(\w+\s?)*$`. For
   * such patterns in definitions the compiler generates an automaton.
   */
  pattern?: Pattern;
  /** The format of the whole string: `f.email`, `f.dateTime`, … */
  format?: Format;
}

/** A pattern in any form. */
export type Pattern = string | RegExp | Automaton;

/** The prepared limits of a string. */
export interface TextRules {
  readonly minLength: number;
  readonly maxLength: number;
  readonly pattern: Pick<Automaton, "test"> | undefined;
  /** The pattern as written. */
  readonly source: string;
  readonly format: Format | undefined;
  /**
   * A text whose length in UTF-16 units is between these two is within all limits, so that no other
   * check is needed.
   */
  readonly fastMin: number;
  readonly fastMax: number;
}

/** Prepares limits for {@link checkText}. */
export function textRules({ minLength = 0, maxLength = MAX_STRING_LENGTH, pattern, format }: StringLimits): TextRules {
  if (typeof format === "string") {
    // Code of an earlier release. The format would otherwise not be checked.
    throw new TypeError(`The format "${format}" is a string: generate the validators again, or use a format of \`fanfare/validators\``);
  }
  return {
    minLength,
    maxLength,
    pattern: pattern === undefined ? undefined : matcher(pattern),
    source: pattern === undefined ? "" : sourceOf(pattern),
    format,
    // A code point has one or two units.
    fastMin: minLength > 1 ? 2 * minLength : minLength,
    fastMax: pattern ?? format ? -1 : Math.min(maxLength, MAX_STRING_LENGTH),
  };
}

/** Returns the matcher of a pattern. */
export function matcher(pattern: Pattern): Pick<Automaton, "test"> {
  return typeof pattern === "string" || pattern instanceof RegExp ? regularExpression(pattern) : pattern;
}

/** Returns a pattern as a `RegExp`. */
export function regularExpression(pattern: Pattern): RegExp {
  if (pattern instanceof RegExp) {
    // Flags that keep state between matches would make the verdict depend on earlier values.
    return new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ""));
  }
  return new RegExp(sourceOf(pattern), "u");
}

function sourceOf(pattern: Pattern): string {
  return typeof pattern === "string" ? pattern : pattern.source;
}

/** Longer than any string, and still a small integer, which engines compare fastest. */
const MAX_STRING_LENGTH = 2 ** 30 - 1;

/** Checks a text without lone surrogates. Returns `true` if it is within the limits. */
export function checkText(rules: TextRules, text: string, report: Report): boolean {
  if (text.length >= rules.fastMin && text.length <= rules.fastMax) {
    return true;
  }
  const { minLength, maxLength, pattern, format } = rules;
  const since = report.found.length;
  if (text.length < minLength * 2 && codePoints(text) < minLength) {
    report.add("minLength", `must have at least ${pluralize(minLength, "character")}`, text);
  }
  if (text.length > maxLength && codePoints(text) > maxLength) {
    report.add("maxLength", `must have at most ${pluralize(maxLength, "character")}`, text);
    // A text that is too long is not matched, to save time.
    return false;
  }
  if (pattern !== undefined && !pattern.test(text)) {
    report.add("pattern", `must match the pattern ${rules.source}`, text);
  }
  if (format !== undefined && !format.test(text)) {
    report.add("format", `must be a valid ${format.name}`, text);
  }
  return report.found.length === since;
}

/** Reads a string of Unicode text, without lone surrogates. */
export function string(limits: StringLimits): Reader {
  const rules = textRules(limits);
  return (value, report) => {
    if (typeof value !== "string" || !isWellFormed(value)) {
      return rejectType("a string", value, report);
    }
    return checkText(rules, value, report) ? undefined : REJECTED;
  };
}

/** Returns the number of code points of a text without lone surrogates. */
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
