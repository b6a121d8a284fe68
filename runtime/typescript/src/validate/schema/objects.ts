/** Readers of objects and maps. */

import { isObject, isWellFormed, json, rejectDepth, rejectName, rejectType } from "./json.js";
import { MAX_DEPTH, outputOf, type Reader, REJECTED, type Report, setOwn } from "./report.js";

/** A property that an object declares. */
export interface Property {
  readonly name: string;
  readonly read: Reader;
  /** What to do if the property is absent. A reader substitutes a value for `undefined`. */
  readonly absent: "rejected" | "accepted" | Reader;
}

/** What an object does with properties that it does not declare. */
export type Others = "dropped" | "rejected" | Reader;

/**
 * Reads an object. The output has the properties in the order of the value.
 *
 * Most values have their properties in the order of the declaration, so each name is compared with the
 * next declared one, and looked up only if it differs.
 */
export function object(properties: readonly Property[], others: Others): Reader {
  const indexes = new Map(properties.map(({ name }, index) => [name, index]));
  const expected = properties.filter(({ absent }) => absent !== "accepted").length;
  const declared = properties.map(({ name, read, absent }) => ({ name, read, weight: absent === "accepted" ? 0 : 1 }));
  const readOther = otherReader(others);

  return (value, report) => {
    if (!isObject(value)) {
      return rejectType("an object", value, report);
    }
    if (report.depth >= MAX_DEPTH) {
      return rejectDepth(value, report);
    }
    report.depth++;
    const { isPolluted } = report;
    const start = report.found.length;
    // The outputs of promises are put into a copy.
    let copy: Record<string, unknown> | undefined = report.promises ? {} : undefined;
    let since = start;
    let next = 0;
    let seen = 0;
    for (const name in value) {
      if (isPolluted && !Object.hasOwn(value, name)) {
        continue;
      }
      let property = declared[next];
      if (property === undefined || property.name !== name) {
        next = indexes.get(name) ?? declared.length;
        property = declared[next];
      }
      const input = value[name];
      let result: unknown;
      if (property === undefined) {
        result = readOther(name, input, report);
      } else {
        next++;
        seen += property.weight;
        result = property.read(input, report);
      }
      if (result !== undefined) {
        if (result !== REJECTED) {
          copy ??= upTo(name, value);
        } else if (report.isQuiet) {
          return REJECTED;
        } else {
          report.under(name, since);
          if (report.overflows(start)) {
            return REJECTED;
          }
          since = report.found.length;
        }
      }
      if (copy !== undefined && result !== DROPPED) {
        setOwn(copy, name, outputOf(input, result));
      }
    }
    if (seen !== expected) {
      copy = fill(properties, value, copy, report);
    }
    report.depth--;
    return report.found.length === start ? copy : report.reject(copy, start);
  };
}

/** Reads an object whose values have one schema. Any name is allowed, including `__proto__`. */
export function record(values: Reader): Reader {
  return object([], values);
}

/** Returned for a property that is not part of the output. */
const DROPPED: unique symbol = Symbol("dropped");

type ReadOther = (name: string, value: unknown, report: Report) => unknown;

function otherReader(others: Others): ReadOther {
  if (others === "rejected") {
    return (_, value, report) => report.add("additionalProperties", "is not allowed", value);
  }
  const isKept = others !== "dropped";
  return (name, value, report) => {
    // A dropped property is not read, unless it is part of a payload, all of which must conform to the
    // wire profile.
    if (!isKept && !report.isPayload) {
      return DROPPED;
    }
    if (!isWellFormed(name)) {
      return rejectName(value, report);
    }
    const result = (isKept ? others : json)(value, report);
    return isKept || result === REJECTED ? result : DROPPED;
  };
}

/** Returns a copy of the properties before one. */
function upTo(end: string, value: Record<string, unknown>): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const name in value) {
    if (name === end) {
      break;
    }
    if (Object.hasOwn(value, name)) {
      setOwn(copy, name, value[name]);
    }
  }
  return copy;
}

/** Reports missing properties, and adds substitutes for absent ones. */
function fill(
  properties: readonly Property[],
  value: Record<string, unknown>,
  copy: Record<string, unknown> | undefined,
  report: Report,
): Record<string, unknown> | undefined {
  let filled = copy;
  for (const { name, absent } of properties) {
    if (absent === "accepted" || Object.hasOwn(value, name)) {
      continue;
    }
    if (absent === "rejected") {
      report.missing(name);
      continue;
    }
    const since = report.found.length;
    const result = absent(undefined, report);
    report.under(name, since);
    if (result !== undefined) {
      filled ??= { ...value };
      setOwn(filled, name, result);
    }
  }
  return filled;
}
