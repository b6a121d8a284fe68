/** Readers whose values rules must accept. */

import { json } from "../schema/json.js";
import { type Reader, REJECTED } from "../schema/report.js";
import type { Rules } from "./rules.js";
import { validatorOf } from "./validator.js";

/** Reads a value that the rules accept. They apply to the input, and are compiled on first use. */
export function checked(shape: Reader, rules: Rules): Reader {
  return (value, report) => {
    if (report.isBackward) {
      return shape(value, report);
    }
    const since = report.found.length;
    validatorOf(rules)(value, report, undefined);
    if (report.found.length === since) {
      return shape(value, report);
    }
    // Parts that the rules ignore must conform to the wire profile, too.
    if (report.isPayload && !report.isFull) {
      json(value, report);
    }
    return REJECTED;
  };
}
