/** Arrays and tuples. */

import { json, refuseDepth, refuseType } from "./json.js";
import { MAX_DEPTH, outputOf, type Reader, REFUSED, type Report } from "./report.js";
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
  return items([], item, (value, report) => checkLength(value, minItems, maxItems, report));
}

/** An array of exactly these items. */
export function tuple(readers: readonly Reader[]): Reader {
  const exactly = `must have exactly ${counted(readers.length, "item")}`;
  // Items beyond the tuple are refused, and bound by the wire profile none the less.
  return items(readers, json, (value, report) => {
    if (value.length !== readers.length) {
      report.add(value.length < readers.length ? "minItems" : "maxItems", exactly, value);
    }
  });
}

function items(first: readonly Reader[], rest: Reader, check: (value: readonly unknown[], report: Report) => void): Reader {
  return (value, report) => {
    if (!Array.isArray(value)) {
      return refuseType("must be an array", value, report);
    }
    if (report.depth >= MAX_DEPTH) {
      return refuseDepth(value, report);
    }
    const start = report.found.length;
    report.depth++;
    // What promises bring is put into a copy.
    let copy: unknown[] | undefined = report.isAsync ? [] : undefined;
    let since = start;
    for (let index = 0; index < value.length; index++) {
      const reader = index < first.length ? (first[index] as Reader) : rest;
      const input: unknown = value[index];
      const result = reader(input, report);
      if (result === REFUSED) {
        if (report.isQuiet) {
          return REFUSED;
        }
        report.under(index, since);
        if (report.overflows(start)) {
          return REFUSED;
        }
        since = report.found.length;
      } else if (result !== undefined) {
        copy ??= value.slice(0, index);
      }
      copy?.push(outputOf(input, result));
    }
    report.depth--;
    check(value, report);
    return report.found.length === start ? copy : report.refuse(copy, start);
  };
}
