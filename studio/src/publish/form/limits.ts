import type { Keywords } from "./keywords.js";

type Describe = (value: unknown) => string;

/** The texts for keywords, by the type of the values that they limit. */
const TEXTS: Readonly<Record<string, readonly (readonly [keyword: string, describe: Describe])[]>> = {
  string: [
    ["format", String],
    ["minLength", (value) => (value === 0 ? "" : `at least ${count(value, "character")}`)],
    ["maxLength", (value) => `at most ${count(value, "character")}`],
    ["pattern", (value) => `matches ${String(value)}`],
  ],
  number: [
    // The definition does not state the range of integers that JSON numbers hold exactly.
    ["minimum", (value) => (value === Number.MIN_SAFE_INTEGER ? "" : `≥ ${String(value)}`)],
    ["exclusiveMinimum", (value) => `> ${String(value)}`],
    ["maximum", (value) => (value === Number.MAX_SAFE_INTEGER ? "" : `≤ ${String(value)}`)],
    ["exclusiveMaximum", (value) => `< ${String(value)}`],
    ["multipleOf", (value) => `a multiple of ${String(value)}`],
  ],
  object: [
    ["minProperties", (value) => `at least ${count(value, "member")}`],
    ["maxProperties", (value) => `at most ${count(value, "member")}`],
  ],
};

/** Describes what a schema limits, in a few words. The values of an `enum` are shown by its control. */
export function describeLimits(keywords: Keywords): string {
  const { type } = keywords;
  const kinds = ["string", "number", "object"].filter((kind) => typeof type !== "string" || kind === (type === "integer" ? "number" : type));
  const texts = kinds
    .flatMap((kind) => TEXTS[kind] ?? [])
    .filter(([keyword]) => keywords[keyword] !== undefined && !isImplied(keyword, keywords))
    .map(([keyword, describe]) => describe(keywords[keyword]));
  const lengths = type === "array" || type === undefined ? describeItems(keywords) : [];
  return [...texts, ...lengths].filter((text) => text !== "").join(", ");
}

/** The server describes the range of 64-bit integers as a pattern. */
function isImplied(keyword: string, { format }: Keywords): boolean {
  return keyword === "pattern" && (format === "int64" || format === "uint64");
}

function describeItems({ minItems, maxItems, uniqueItems }: Keywords): readonly string[] {
  const lengths =
    minItems !== undefined && minItems === maxItems
      ? [`exactly ${count(minItems, "item")}`]
      : [minItems === undefined || minItems === 0 ? "" : `at least ${count(minItems, "item")}`, maxItems === undefined ? "" : `at most ${count(maxItems, "item")}`];
  return [...lengths, uniqueItems === true ? "no equal items" : ""];
}

function count(value: unknown, noun: string): string {
  return `${String(value)} ${value === 1 ? noun : `${noun}s`}`;
}
