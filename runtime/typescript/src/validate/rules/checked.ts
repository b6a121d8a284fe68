/** A value that rules judge and a reader reads. */

import { json } from "../schema/json.js";
import { type Reader, REFUSED } from "../schema/report.js";
import { judgeOf } from "./judge.js";
import type { Rules } from "./rules.js";

/** Reads what the rules accept. They judge the value as it stands, and are compiled on first use. */
export function checked(shape: Reader, rules: Rules): Reader {
  return (value, report) => {
    if (report.isBackward) {
      return shape(value, report);
    }
    const since = report.found.length;
    judgeOf(rules)(value, report, undefined);
    if (report.found.length === since) {
      return shape(value, report);
    }
    // The wire profile binds also what the rules do not look at.
    if (report.isPayload && !report.isFull) {
      json(value, report);
    }
    return REFUSED;
  };
}
