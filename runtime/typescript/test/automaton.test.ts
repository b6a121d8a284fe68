/** Automata match the same as JavaScript's regular expressions, in linear time. */

import { readFileSync } from "node:fs";
import { describe, expect, it, test } from "vitest";
import * as mini from "../src/validate/zod/mini.js";
import * as f from "../src/validate/zod/index.js";

interface Vector {
  readonly pattern: string;
  readonly automaton: string;
  readonly matches: readonly string[];
  readonly fails: readonly string[];
}

const path = new URL("../../../tests/vectors/patterns.json", import.meta.url);
const vectors = JSON.parse(readFileSync(path, "utf8")) as readonly Vector[];
const characters = [..."abcA09 \n\r\u2028-_é\u0301λ😀😁\uFEFF"];

/** Returns pseudorandom numbers, the same in each run. */
function draws(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Without `y`, V8 also matches between the halves of a surrogate pair, unlike the standard. */
function matchesSomewhere(native: RegExp, text: string): boolean {
  const starts = [...text].reduce((starts, character) => [...starts, (starts.at(-1) ?? 0) + character.length], [0]);
  return starts.some((start) => {
    native.lastIndex = start;
    return native.test(text);
  });
}

/** The automaton of a realistic pattern. */
function known(pattern: string): f.Automaton {
  const vector = vectors.find((vector) => vector.pattern === pattern);
  return f.automaton(pattern, vector?.automaton ?? "");
}

const WORDS = "^(\\w+\\s?)*$";

test("random patterns match the same as JavaScript's, on random texts", () => {
  const draw = draws(5);
  let matched = 0;
  let compared = 0;
  for (const { pattern, automaton, matches, fails } of vectors) {
    const own = f.automaton(pattern, automaton);
    const native = new RegExp(pattern, "uy");
    const texts = Array.from({ length: 60 }, () => Array.from({ length: draw(9) }, () => characters[draw(characters.length)]).join(""));
    for (const text of [...texts, ...matches, ...fails]) {
      expect(own.test(text), `${pattern} on ${JSON.stringify(text)}`).toBe(matchesSomewhere(native, text));
      matched += own.test(text) ? 1 : 0;
      compared++;
    }
    expect(matches.every((text) => own.test(text)) && !fails.some((text) => own.test(text)), pattern).toBe(true);
  }
  expect(Math.min(matched, compared - matched)).toBeGreaterThan(3000);
});

test("a text of a mebibyte is matched quickly by every pattern", { timeout: 60_000 }, () => {
  const text = "a".repeat(2 ** 20);
  const since = Date.now();
  expect(known(WORDS).test(text)).toBe(true);
  expect(known(WORDS).test(`${text}!`)).toBe(false);
  expect(known("\\S+@example\\.com").test(text)).toBe(false);
  expect(known("(?:a|b)*a(?:a|b){20}c").test("ab".repeat(2 ** 19))).toBe(false);
  expect(Date.now() - since).toBeLessThan(30_000);
});

describe.each([
  ["zod", f],
  ["zod/mini", mini as unknown as typeof f],
])("%s", (_, face) => {
  it("reads strings with automata, and shows the pattern as written", () => {
    const schema = face.string({ maxLength: 5, pattern: known(WORDS) });
    expect(schema.safeParse("a b").success).toBe(true);
    const refused = schema.safeParse("a!");
    expect(refused.error?.issues.map(({ message }) => message)).toEqual([`must match the pattern ${WORDS}`]);
  });

  it("matches names with automata", () => {
    const schema = face.checked(face.json(), {
      patternProperties: [
        [known(WORDS), { type: "integer" }],
        ["^!", { type: "string" }],
      ],
      additionalProperties: false,
    });
    expect(schema.safeParse({ "a b": 1, "!": "x" }).success).toBe(true);
    expect(schema.safeParse({ "a b": "x" }).success).toBe(false);
    expect(schema.safeParse({ "?": 1 }).success).toBe(false);
    const names = face.checked(face.json(), { propertyNames: { pattern: known(WORDS) } });
    expect(names.safeParse({ a: 1 }).success).toBe(true);
    expect(names.safeParse({ "a!": 1 }).success).toBe(false);
  });

  it("does not match a text that is too long", () => {
    let tests = 0;
    const pattern = { source: "x", test: () => tests++ < 0 };
    const schema = face.string({ maxLength: 2, pattern, format: face.date });
    expect(schema.safeParse("abc").error?.issues.map(({ message }) => message)).toEqual(["must have at most 2 characters"]);
    expect(tests).toBe(0);
    expect(schema.safeParse("ab").error?.issues).toHaveLength(2);
    expect(tests).toBe(1);
  });
});
