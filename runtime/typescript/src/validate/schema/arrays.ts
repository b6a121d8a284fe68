/** Arrays and tuples. */

import { json, rejectDepth, rejectType } from "./json.js";
import { pluralize } from "./messages.js";
import { MAX_DEPTH, outputOf, type Reader, REJECTED, type Report } from "./report.js";

/** The limits of an array. */
export interface ArrayLimits {
  minItems?: number;
  maxItems?: number;
}

/** Checks the length of an array. */
export function checkLength(items: readonly unknown[], minItems: number, maxItems: number, report: Report): void {
  if (items.length < minItems) {
    report.add("minItems", `must have at least ${pluralize(minItems, "item")}`, items);
  }
  if (items.length > maxItems) {
    report.add("maxItems", `must have at most ${pluralize(maxItems, "item")}`, items);
  }
}

/** Reads an array whose items have one schema. */
export function array(item: Reader, { minItems = 0, maxItems = Infinity }: ArrayLimits): Reader {
  return items([], item, (value, report) => checkLength(value, minItems, maxItems, report));
}

/** Reads an array of exactly these items. */
export function tuple(readers: readonly Reader[]): Reader {
  const exactly = `must have exactly ${pluralize(readers.length, "item")}`;
  // Surplus items are an issue, and must still conform to the wire profile.
  return items(readers, json, (value, report) => {
    if (value.length !== readers.length) {
      report.add(value.length < readers.length ? "minItems" : "maxItems", exactly, value);
    }
  });
}

/** Reads an array that begins with these items, of which only some are required. Without `rest` there are no others. */
export function openTuple(readers: readonly Reader[], rest: Reader | undefined, required: number): Reader {
  return items(readers, rest ?? json, (value, report) =>
    checkLength(value, required, rest === undefined ? readers.length : Infinity, report),
  );
}

function items(first: readonly Reader[], rest: Reader, check: (value: readonly unknown[], report: Report) => void): Reader {
  return (value, report) => {
    if (!Array.isArray(value)) {
      return rejectType("an array", value, report);
    }
    if (report.depth >= MAX_DEPTH) {
      return rejectDepth(value, report);
    }
    const start = report.found.length;
    report.depth++;
    // The outputs of promises are put into a copy.
    let copy: unknown[] | undefined = report.promises ? [] : undefined;
    let since = start;
    for (let index = 0; index < value.length; index++) {
      const reader = index < first.length ? (first[index] as Reader) : rest;
      const input: unknown = value[index];
      const result = reader(input, report);
      if (result === REJECTED) {
        if (report.isQuiet) {
          return REJECTED;
        }
        report.under(index, since);
        if (report.overflows(start)) {
          return REJECTED;
        }
        since = report.found.length;
      } else if (result !== undefined) {
        copy ??= value.slice(0, index);
      }
      copy?.push(outputOf(input, result));
    }
    report.depth--;
    check(value, report);
    return report.found.length === start ? copy : report.reject(copy, start);
  };
}
