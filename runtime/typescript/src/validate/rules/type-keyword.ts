/** The keyword `type`. */

import type { Report } from "../schema/report.js";
import type { Kind } from "./rules.js";

const WORDS: Readonly<Record<Kind, string>> = {
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
  const words = describeTypes(allowed);
  return (value, report) => {
    const kind = typeOf(value);
    const isAllowed = allowed.has(kind) || (kind === "number" && allowed.has("integer") && Number.isSafeInteger(value));
    if (!isAllowed) {
      report.add(words === "" ? "not" : "type", words === "" ? "is not allowed" : `must be ${words}`, value);
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

/** Returns `null, a boolean or a string`. `a number` includes integers. */
function describeTypes(allowed: ReadonlySet<Kind>): string {
  const kinds = (Object.keys(WORDS) as Kind[]).filter(
    (kind) => allowed.has(kind) && !(kind === "integer" && allowed.has("number")),
  );
  const words = kinds.map((kind) => WORDS[kind]);
  const last = words.pop() ?? "";
  return words.length === 0 ? last : `${words.join(", ")} or ${last}`;
}
