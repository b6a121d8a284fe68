import type { Keywords } from "./schema.js";

const TEXTS: readonly (readonly [keyword: string, describe: (value: unknown) => string])[] = [
  ["format", (value) => String(value)],
  ["minLength", (value) => `at least ${count(value, "character")}`],
  ["maxLength", (value) => `at most ${count(value, "character")}`],
  ["minimum", (value) => `≥ ${String(value)}`],
  ["exclusiveMinimum", (value) => `> ${String(value)}`],
  ["maximum", (value) => `≤ ${String(value)}`],
  ["exclusiveMaximum", (value) => `< ${String(value)}`],
  ["multipleOf", (value) => `a multiple of ${String(value)}`],
  ["minItems", (value) => `at least ${count(value, "item")}`],
  ["maxItems", (value) => `at most ${count(value, "item")}`],
  ["uniqueItems", (value) => (value === true ? "no equal items" : "")],
  ["minProperties", (value) => `at least ${count(value, "member")}`],
  ["maxProperties", (value) => `at most ${count(value, "member")}`],
  ["pattern", (value) => `matches ${String(value)}`],
];

/** Describes what a schema limits, in a few words. */
export function describeLimits(keywords: Keywords): string {
  return TEXTS.filter(([keyword]) => keywords[keyword] !== undefined)
    .map(([keyword, describe]) => describe(keywords[keyword]))
    .filter((text) => text !== "")
    .join(", ");
}

function count(value: unknown, noun: string): string {
  return `${String(value)} ${value === 1 ? noun : `${noun}s`}`;
}
