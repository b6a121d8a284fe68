/** Which kinds of value are allowed at all. */

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

/** Reports a value of another kind, and says whether it did. */
export function kindJudge(type: Kind | readonly Kind[] | undefined): ((value: unknown, report: Report) => boolean) | undefined {
  if (type === undefined) {
    return undefined;
  }
  const allowed = new Set([type].flat());
  const words = wordsOf(allowed);
  return (value, report) => {
    const kind = kindOf(value);
    const isAllowed = allowed.has(kind) || (kind === "number" && allowed.has("integer") && Number.isSafeInteger(value));
    if (!isAllowed) {
      report.add(words === "" ? "not" : "type", words === "" ? "is not allowed" : `must be ${words}`, value);
    }
    return !isAllowed;
  };
}

function kindOf(value: unknown): Kind {
  if (value === null) {
    return "null";
  }
  return Array.isArray(value) ? "array" : (typeof value as Kind);
}

/** `null, a boolean or a string`; a number says that integers are meant, too. */
function wordsOf(allowed: ReadonlySet<Kind>): string {
  const kinds = (Object.keys(WORDS) as Kind[]).filter(
    (kind) => allowed.has(kind) && !(kind === "integer" && allowed.has("number")),
  );
  const words = kinds.map((kind) => WORDS[kind]);
  const last = words.pop() ?? "";
  return words.length === 0 ? last : `${words.join(", ")} or ${last}`;
}
