/** Keywords for strings. */

import type { Report } from "../schema/report.js";
import { checkText, textRules } from "../schema/text.js";
import type { RulesObject } from "./rules.js";

/** Returns the validator of `minLength`, `maxLength`, `pattern` and `format`, if there are any. */
export function stringValidator(rules: RulesObject): ((text: string, report: Report) => void) | undefined {
  const { minLength, maxLength, pattern, format } = rules;
  if ([minLength, maxLength, pattern, format].every((limit) => limit === undefined)) {
    return undefined;
  }
  const limits = textRules({
    ...(minLength !== undefined && { minLength }),
    ...(maxLength !== undefined && { maxLength }),
    ...(pattern !== undefined && { pattern }),
    format,
  });
  return (text, report) => checkText(limits, text, report);
}
