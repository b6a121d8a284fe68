import type { Keywords } from "./schema.js";

const TEXTS: readonly (readonly [keyword: string, describe: (value: unknown) => string])[] = [
  ["format", (value) => String(value)],
  ["minLength", (value) => `at least ${String(value)} characters`],
  ["maxLength", (value) => `at most ${String(value)} characters`],
  ["minimum", (value) => `≥ ${String(value)}`],
  ["exclusiveMinimum", (value) => `> ${String(value)}`],
  ["maximum", (value) => `≤ ${String(value)}`],
  ["exclusiveMaximum", (value) => `< ${String(value)}`],
  ["multipleOf", (value) => `a multiple of ${String(value)}`],
  ["minItems", (value) => `at least ${String(value)} items`],
  ["maxItems", (value) => `at most ${String(value)} items`],
  ["uniqueItems", (value) => (value === true ? "no equal items" : "")],
  ["minProperties", (value) => `at least ${String(value)} members`],
  ["maxProperties", (value) => `at most ${String(value)} members`],
  ["pattern", (value) => `matches ${String(value)}`],
];

/** Describes what a schema limits, in a few words. */
export function describeLimits(keywords: Keywords): string {
  return TEXTS.filter(([keyword]) => keywords[keyword] !== undefined)
    .map(([keyword, describe]) => describe(keywords[keyword]))
    .filter((text) => text !== "")
    .join(", ");
}
