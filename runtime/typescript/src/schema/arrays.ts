/** Arrays and tuples. */

import { json, refuseDepth, refuseType } from "./json.js";
import { MAX_DEPTH, type Reader, type Report } from "./report.js";
import { counted } from "./words.js";

/** How many items an array may have. */
export interface ArrayLimits {
  minItems?: number;
  maxItems?: number;
}

/** Holds the length of an array against limits. */
export function checkLength(items: readonly unknown[], minItems: number, maxItems: number, report: Report): void {
  if (items.length < minItems) {
    report.add("minItems", `must have at least ${counted(minItems, "item")}`, items);
  }
  if (items.length > maxItems) {
    report.add("maxItems", `must have at most ${counted(maxItems, "item")}`, items);
  }
}

/** An array whose items are all alike. */
export function array(item: Reader, { minItems = 0, maxItems = Infinity }: ArrayLimits): Reader {
  return (value, report) => {
    if (!Array.isArray(value)) {
      return refuseType("must be an array", value, report);
    }
    if (report.depth >= MAX_DEPTH) {
      return refuseDepth(value, report);
    }
    checkLength(value, minItems, maxItems, report);
    report.depth++;
    let output: unknown[] = report.isPayload ? value : [];
    for (let index = 0; index < value.length; index++) {
      const input: unknown = value[index];
      const since = report.found.length;
      const result = item(input, report);
      if (report.found.length !== since) {
        if (report.isQuiet) {
          return value;
        }
        report.under(index, since);
      }
      if (output !== value) {
        output.push(result);
      } else if (!Object.is(result, input)) {
        output = value.slice(0, index);
        output.push(result);
      }
    }
    report.depth--;
    return output;
  };
}

/** An array of exactly these items. */
export function tuple(items: readonly Reader[]): Reader {
  const exactly = `must have exactly ${counted(items.length, "item")}`;
  return (value, report) => {
    if (!Array.isArray(value)) {
      return refuseType("must be an array", value, report);
    }
    if (report.depth >= MAX_DEPTH) {
      return refuseDepth(value, report);
    }
    if (value.length !== items.length) {
      report.add(value.length < items.length ? "minItems" : "maxItems", exactly, value);
    }
    report.depth++;
    const output = value.map((input: unknown, index) => {
      const since = report.found.length;
      // Items beyond the tuple are refused, and bound by the wire profile none the less.
      const result = (items[index] ?? json)(input, report);
      report.under(index, since);
      return result;
    });
    report.depth--;
    return output;
  };
}
