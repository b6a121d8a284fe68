/** The keywords that bind strings. */

import { formats } from "../schema/formats.js";
import { isInt64, isUint64 } from "../schema/number.js";
import type { Report } from "../schema/report.js";
import { checkText, textRules } from "../schema/text.js";
import type { RulesObject } from "./rules.js";

const FORMATS = { ...formats, int64: isInt64, uint64: isUint64 };

/** Holds texts against `minLength`, `maxLength`, `pattern` and `format`; nothing where none is there. */
export function textJudge(rules: RulesObject): ((text: string, report: Report) => void) | undefined {
  const { minLength = 0, maxLength = Infinity, pattern, format } = rules;
  if (minLength === 0 && maxLength === Infinity && pattern === undefined && format === undefined) {
    return undefined;
  }
  const limits = {
    ...textRules({ minLength, maxLength, ...(pattern !== undefined && { pattern: new RegExp(pattern, "u") }) }),
    isFormat: format && FORMATS[format],
    format: format ?? "",
  };
  return (text, report) => checkText(limits, text, report);
}
