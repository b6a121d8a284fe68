/** Objects with named properties, and maps. */

import { isObject, isWellFormed, json, refuseDepth, refuseName, refuseType } from "./json.js";
import { MAX_DEPTH, outputOf, type Reader, REFUSED, type Report, setOwn } from "./report.js";

/** A property that an object declares. */
export interface Property {
  readonly name: string;
  readonly read: Reader;
  /** What an absent property means; a reader makes something of `undefined`. */
  readonly absent: "refused" | "accepted" | Reader;
}

/** What an object makes of properties that it does not declare. */
export type Others = "dropped" | "refused" | Reader;

/**
 * An object with these properties and others. Properties keep the order that they have in the value.
 *
 * The readers are tried in the order of the declaration, because values mostly are in that order; each
 * name is then only compared, and looked up where it differs.
 */
export function object(properties: readonly Property[], others: Others): Reader {
  const places = new Map(properties.map(({ name }, index) => [name, index]));
  const expected = properties.filter(({ absent }) => absent !== "accepted").length;
  const declared = properties.map(({ name, read, absent }) => ({ name, read, weight: absent === "accepted" ? 0 : 1 }));
  const readOther = readerOfOthers(others);

  return (value, report) => {
    if (!isObject(value)) {
      return refuseType("must be an object", value, report);
    }
    if (report.depth >= MAX_DEPTH) {
      return refuseDepth(value, report);
    }
    report.depth++;
    const { isPolluted } = report;
    const start = report.found.length;
    // What promises bring is put into a copy.
    let copy: Record<string, unknown> | undefined = report.isAsync ? {} : undefined;
    let since = start;
    let next = 0;
    let seen = 0;
    for (const name in value) {
      if (isPolluted && !Object.hasOwn(value, name)) {
        continue;
      }
      let property = declared[next];
      if (property === undefined || property.name !== name) {
        next = places.get(name) ?? declared.length;
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
        if (result !== REFUSED) {
          copy ??= upTo(name, value);
        } else if (report.isQuiet) {
          return REFUSED;
        } else {
          report.under(name, since);
          if (report.overflows(start)) {
            return REFUSED;
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
    return report.found.length === start ? copy : report.refuse(copy, start);
  };
}

/** An object whose values are all alike; every name is an ordinary one, `__proto__` too. */
export function map(values: Reader): Reader {
  return object([], values);
}

/** Stands for a property that is not passed on. */
const DROPPED: unique symbol = Symbol("dropped");

type ReadOther = (name: string, value: unknown, report: Report) => unknown;

function readerOfOthers(others: Others): ReadOther {
  if (others === "refused") {
    return (_, value, report) => report.add("additionalProperties", "is not allowed", value);
  }
  const passesOn = others !== "dropped";
  return (name, value, report) => {
    // What is dropped is not looked at, except that the wire profile binds all of a payload.
    if (!passesOn && !report.isPayload) {
      return DROPPED;
    }
    if (!isWellFormed(name)) {
      return refuseName(value, report);
    }
    const result = (passesOn ? others : json)(value, report);
    return passesOn || result === REFUSED ? result : DROPPED;
  };
}

/** A copy of the properties before one. */
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

/** Reports what is missing, and adds what the declaration puts in the place of absent properties. */
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
    if (absent === "refused") {
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
