/** Issues as users see them. Rust reports the same issues, in the same order. */

/** One violation of a schema by a value. */
export interface Issue {
  /**
   * A JSON Pointer; empty for the whole value. Names of more than 64 characters are truncated and end
   * with `…`, as does a path of more than 300.
   */
  path: string;
  /** The JSON Schema keyword that is violated. */
  rule: string;
  /** What the value must be: `must be at most 100`. */
  message: string;
  /** The value, abbreviated: `101`, `"a text"`, `an array`. Absent if there is none. */
  value?: string;
}

/** Returns a value in an abbreviated form; `undefined` if there is none. */
export function describeValue(value: unknown): string | undefined {
  switch (typeof value) {
    case "string":
      return describeText(value);
    case "object":
      return value === null ? "null" : Array.isArray(value) ? "an array" : "an object";
    case "number":
    case "boolean":
      return String(value);
    default:
      return undefined;
  }
}

/** The maximum number of issues reported for a value. If it has more, a last issue says so, and reading stops. */
export const MAX_ISSUES = 20;

/** The maximum number of code points of an abbreviated text. */
export const MAX_TEXT = 40;
const MAX_NAME = 64;
const MAX_PATH = 300;

function describeText(text: string): string {
  const start = startOf(text, MAX_TEXT);
  return start === undefined ? JSON.stringify(text) : `${JSON.stringify(start).slice(0, -1)}…"`;
}

/** Returns the first code points of a text; `undefined` if it has no more than `max`. */
function startOf(text: string, max: number): string | undefined {
  if (text.length <= max) {
    return undefined;
  }
  // A code point has at most two units.
  const characters = [...text.slice(0, 2 * max + 2)];
  return characters.length > max ? characters.slice(0, max).join("") : undefined;
}

/** Truncates a text to a number of code points, and appends `…` if it was longer. */
export function truncate(text: string, max: number): string {
  const start = startOf(text, max);
  return start === undefined ? text : `${start}…`;
}

/** Returns a path as a JSON Pointer (RFC 6901). Long names and long pointers are truncated. */
export function pointer(path: readonly PropertyKey[]): string {
  return truncate(fullPointer(path), MAX_PATH);
}

/** Returns a path as a JSON Pointer, with long names truncated. */
export function fullPointer(path: readonly PropertyKey[]): string {
  return path.map((step) => `/${truncate(String(step), MAX_NAME).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

/** The issue in place of those beyond {@link MAX_ISSUES}. */
export const MORE_ISSUES = { path: "", rule: "issues", message: `has more than ${MAX_ISSUES} issues` } as const;

/** Sorts issues by path, stably, and drops duplicates. */
export function sortIssues<Entry>(entries: readonly Entry[], issueOf: (entry: Entry) => Issue): Entry[] {
  const described = entries.map((entry) => ({ entry, issue: issueOf(entry) }));
  const seen = new Set<string>();
  return described
    .filter(({ issue: { path, rule, message, value } }) => {
      const key = JSON.stringify([path, rule, message, value]);
      return !seen.has(key) && seen.add(key);
    })
    .sort((left, right) => compareTexts(left.issue.path, right.issue.path))
    .map(({ entry }) => entry);
}

/** Compares texts by code points, as Rust does. JavaScript compares UTF-16 units. */
export function compareTexts(left: string, right: string): number {
  let at = 0;
  while (at < left.length && left.charCodeAt(at) === right.charCodeAt(at)) {
    at++;
  }
  const [before, after] = [rank(left, at), rank(right, at)];
  return before - after;
}

/** Returns the rank of a UTF-16 unit by code point: surrogates come after all other units. */
function rank(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  if (Number.isNaN(unit)) {
    return -1;
  }
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
