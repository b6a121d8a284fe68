/** Keywords for strings. */

import { date, dateTime, email, type Format, hostname, ipv4, ipv6, time, uri, uuid } from "../schema/formats.js";
import { isInt64, isUint64 } from "../schema/number.js";
import type { Report } from "../schema/report.js";
import { checkText, textRules } from "../schema/text.js";
import type { FormatName, RulesObject } from "./rules.js";

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
    ...(format !== undefined && { format: FORMATS[format] }),
  });
  return (text, report) => checkText(limits, text, report);
}

const FORMATS: Readonly<Record<FormatName, Format>> = {
  uuid,
  "date-time": dateTime,
  date,
  time,
  email,
  uri,
  ipv4,
  ipv6,
  hostname,
  int64: { name: "int64", test: isInt64 },
  uint64: { name: "uint64", test: isUint64 },
};
