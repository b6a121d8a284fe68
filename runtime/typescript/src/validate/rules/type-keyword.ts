/** The keyword `type`. */

import { join } from "../schema/messages.js";
import type { Report } from "../schema/report.js";
import type { Kind } from "./rules.js";

export const WORDS: Readonly<Record<Kind, string>> = {
  null: "null",
  boolean: "a boolean",
  integer: "an integer",
  number: "a number",
  string: "a string",
  array: "an array",
  object: "an object",
};

/** Returns a function that reports a value of another type, and then returns `true`. */
export function typeValidator(type: Kind | readonly Kind[] | undefined): ((value: unknown, report: Report) => boolean) | undefined {
  if (type === undefined) {
    return undefined;
  }
  const allowed = new Set([type].flat());
  const words = joinTypes(allowed);
  return (value, report) => {
    const kind = typeOf(value);
    const isAllowed = allowed.has(kind) || (kind === "number" && allowed.has("integer") && Number.isSafeInteger(value));
    if (!isAllowed) {
      if (words === "") {
        report.add("not", "is not allowed", value);
      } else {
        report.add("type", `must be ${report.allowsNull ? joinTypes(new Set([...allowed, "null"])) : words}`, value);
      }
    }
    return !isAllowed;
  };
}

function typeOf(value: unknown): Kind {
  if (value === null) {
    return "null";
  }
  return Array.isArray(value) ? "array" : (typeof value as Kind);
}

/** Returns the types in the order in which messages list them. `a number` includes integers. */
export function orderTypes(allowed: ReadonlySet<Kind>): Kind[] {
  return (Object.keys(WORDS) as Kind[]).filter((kind) => allowed.has(kind) && !(kind === "integer" && allowed.has("number")));
}

/** Returns `null, a boolean or a string`. */
function joinTypes(allowed: ReadonlySet<Kind>): string {
  const words = orderTypes(allowed).map((kind) => WORDS[kind]);
  return join(words, words.length, "or");
}
