/** Parts of the messages of issues. */

import { describeValue, MAX_TEXT, truncate } from "./issue.js";
import type { REJECTED, Report } from "./report.js";

/** Returns a count with its noun: `1 item`, `2 items`, `2 properties`. */
export function pluralize(count: number, thing: string, things = `${thing}s`): string {
  return `${count} ${count === 1 ? thing : things}`;
}

/** Returns a function that reports a value that is none of these choices. `null` comes first if it is also allowed. */
export function choiceRejecter(choices: readonly unknown[]): (value: unknown, report: Report) => typeof REJECTED {
  const [rule, message] = [choiceKeyword(choices), choiceMessage(choices)];
  return (value, report) => {
    if (!report.allowsNull || choices.includes(null)) {
      return report.add(rule, message, value);
    }
    const all = [null, ...choices];
    return report.add(choiceKeyword(all), choiceMessage(all), value);
  };
}

/** Returns `must be 1` or `must be one of 1, 2`. */
function choiceMessage(choices: readonly unknown[]): string {
  const texts = choices.map((choice) => JSON.stringify(choice));
  if (texts.length === 0) {
    return "is not allowed";
  }
  return texts.length === 1 ? `must be ${texts[0]}` : `must be one of ${texts.join(", ")}`;
}

function choiceKeyword(choices: readonly unknown[]): "const" | "enum" {
  return choices.length === 1 ? "const" : "enum";
}

/** Returns a JSON value, truncated if it is long. */
export function shorten(value: unknown): string {
  return typeof value === "string" ? (describeValue(value) as string) : truncate(JSON.stringify(value), MAX_TEXT);
}

/** Returns `a, b and c`, or `a, b and 2 others` if there are more than `max`. */
export function join(names: readonly string[], max: number, conjunction: "and" | "or"): string {
  const others = names.length - max;
  const shown = others > 0 ? [...names.slice(0, max), pluralize(others, "other")] : names;
  const last = shown.at(-1) ?? "";
  return shown.length < 2 ? last : `${shown.slice(0, -1).join(", ")} ${conjunction} ${last}`;
}
