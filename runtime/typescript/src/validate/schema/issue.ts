/** Issues as users see them, in the order and the words that the Rust side uses. */

/** One reason why a value is not accepted. */
export interface Issue {
  /**
   * Where, as a JSON pointer; empty for the whole value. Names of more than 64 characters are cut and end
   * with `…`, and so is a path of more than 300.
   */
  path: string;
  /** The JSON Schema keyword that is broken. */
  rule: string;
  /** What the value must be: `must be at most 100`. */
  message: string;
  /** What stands there, in short: `101`, `"a text"`, `an array`. Absent where nothing stands there. */
  value?: string;
}

/** What stands at a place, in short; `undefined` where nothing does. */
export function shown(value: unknown): string | undefined {
  switch (typeof value) {
    case "string":
      return shownText(value);
    case "object":
      return value === null ? "null" : Array.isArray(value) ? "an array" : "an object";
    case "number":
    case "boolean":
      return String(value);
    default:
      return undefined;
  }
}

/** How many issues are reported of a value. If it has more, a last issue says so, and nothing else is read. */
export const MAX_ISSUES = 20;

const MAX_SHOWN = 40;
const MAX_NAME = 64;
const MAX_PATH = 300;

function shownText(text: string): string {
  const start = startOf(text, MAX_SHOWN);
  return start === undefined ? JSON.stringify(text) : `${JSON.stringify(start).slice(0, -1)}…"`;
}

/** The first code points of a text that has more. */
function startOf(text: string, most: number): string | undefined {
  if (text.length <= most) {
    return undefined;
  }
  // A code point has at most two units.
  const characters = [...text.slice(0, 2 * most + 2)];
  return characters.length > most ? characters.slice(0, most).join("") : undefined;
}

function cut(text: string, most: number): string {
  const start = startOf(text, most);
  return start === undefined ? text : `${start}…`;
}

/** The JSON pointer (RFC 6901) to a place; long names and long pointers are cut. */
export function pointer(path: readonly PropertyKey[]): string {
  return cut(longPointer(path), MAX_PATH);
}

/** The JSON pointer to a place, with long names cut. */
export function longPointer(path: readonly PropertyKey[]): string {
  return path.map((step) => `/${cut(String(step), MAX_NAME).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

/** The issue that stands for those beyond {@link MAX_ISSUES}. */
export const MORE = { path: "", rule: "issues", message: `has more than ${MAX_ISSUES} issues` } as const;

/** Sorts issues by path, ties as they come, and drops what is said twice. */
export function inOrder<Entry>(entries: readonly Entry[], issueOf: (entry: Entry) => Issue): Entry[] {
  const described = entries.map((entry) => ({ entry, issue: issueOf(entry) }));
  const seen = new Set<string>();
  return described
    .filter(({ issue: { path, rule, message, value } }) => {
      const key = JSON.stringify([path, rule, message, value]);
      return !seen.has(key) && seen.add(key);
    })
    .sort((left, right) => compare(left.issue.path, right.issue.path))
    .map(({ entry }) => entry);
}

/** Compares texts by code points, as UTF-8 does; JavaScript compares UTF-16 units. */
function compare(left: string, right: string): number {
  let at = 0;
  while (at < left.length && left.charCodeAt(at) === right.charCodeAt(at)) {
    at++;
  }
  const [before, after] = [rank(left, at), rank(right, at)];
  return before - after;
}

/** A unit's place among code points: surrogates stand for what comes after all other units. */
function rank(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  if (Number.isNaN(unit)) {
    return -1;
  }
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
