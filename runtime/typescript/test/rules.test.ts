import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import * as f from "../src/validate/zod/index.js";

const LONE = "\ud800";

/** Returns every issue as `path rule: message, got value`. */
function issues(rules: f.Rules, value: unknown): string[] {
  const result = f.payload(f.checked(f.json(), rules)).safeParse(value);
  return result.success
    ? []
    : f.issues(result.error).map(({ path, rule, message, value: got }) => `${path} ${rule}: ${message}${got ? `, got ${got}` : ""}`);
}

function takes(rules: f.Rules, value: unknown): boolean {
  return issues(rules, value).length === 0;
}

/** Parses JSON, for names that JavaScript literals treat specially. */
const json = (text: string): unknown => JSON.parse(text);

describe("each keyword has its message", () => {
  const cases: [name: string, rules: f.Rules, value: unknown, issues: string[]][] = [
    ["type", { type: "string" }, 1, [" type: must be a string, got 1"]],
    ["several types", { type: ["string", "null", "boolean"] }, 1, [" type: must be null, a boolean or a string, got 1"]],
    ["a number swallows an integer", { type: ["object", "integer", "number", "array"] }, "a", [' type: must be a number, an array or an object, got "a"']],
    ["an integer is whole", { type: "integer" }, 1.5, [" type: must be an integer, got 1.5"]],
    ["an integer is safe", { type: "integer" }, 2 ** 53, [" type: must be an integer, got 9007199254740992"]],
    ["no type at all", { type: [] }, [], [" not: is not allowed, got an array"]],
    ["false", false, {}, [" not: is not allowed, got an object"]],
    ["a wrong type skips the rest of its node", { type: "string", const: "a", minimum: 5, allOf: [false], not: true }, 1, [" type: must be a string, got 1"]],
    ["finite", true, Infinity, [" type: must be a finite number, got Infinity"]],
    ["surrogates", { minLength: 9 }, LONE, [' type: must not hold a lone surrogate, got "\\ud800"']],
    ["surrogates in names", { properties: {}, additionalProperties: true }, { [LONE]: 1 }, [`/${LONE} type: must not have a lone surrogate in its name, got 1`]],
    ["const", { const: { a: [1] } }, { a: [2] }, [' const: must be {"a":[1]}, got an object']],
    ["enum", { enum: [1, "a"] }, true, [' enum: must be one of 1, "a", got true']],
    ["minimum", { minimum: 2 }, 1, [" minimum: must be at least 2, got 1"]],
    ["maximum", { maximum: 100 }, 101, [" maximum: must be at most 100, got 101"]],
    ["exclusiveMinimum", { exclusiveMinimum: 1 }, 1, [" exclusiveMinimum: must be greater than 1, got 1"]],
    ["exclusiveMaximum", { exclusiveMaximum: 1 }, 1e21, [" exclusiveMaximum: must be less than 1, got 1e+21"]],
    ["multipleOf", { multipleOf: 0.01 }, 0.015, [" multipleOf: must be a multiple of 0.01, got 0.015"]],
    ["minLength", { minLength: 2 }, "😀", [' minLength: must have at least 2 characters, got "😀"']],
    ["maxLength", { maxLength: 1 }, "ab", [' maxLength: must have at most 1 character, got "ab"']],
    ["pattern", { pattern: "^.$" }, "ab", [' pattern: must match the pattern ^.$, got "ab"']],
    ["format", { format: "date" }, "2020-2-9", [' format: must be a valid date, got "2020-2-9"']],
    ["format int64", { format: "int64" }, "01", [' format: must be a valid int64, got "01"']],
    ["minItems", { minItems: 1 }, [], [" minItems: must have at least 1 item, got an array"]],
    ["maxItems", { maxItems: 1 }, [1, 2], [" maxItems: must have at most 1 item, got an array"]],
    ["prefixItems", { prefixItems: [{ type: "string" }, false] }, [1, 2, 3], ["/0 type: must be a string, got 1", "/1 not: is not allowed, got 2"]],
    ["items", { prefixItems: [true], items: { minimum: 1 } }, [0, 0], ["/1 minimum: must be at least 1, got 0"]],
    ["items: false", { prefixItems: [true], items: false }, [0, "b"], ['/1 items: is not allowed, got "b"']],
    ["uniqueItems", { uniqueItems: true }, [1, { a: 1, b: 2 }, { b: 2, a: 1 }, 1], ["/2 uniqueItems: must not repeat item 1, got an object"]],
    ["contains", { contains: { const: 1 } }, [2], [" contains: must contain at least 1 matching item, got an array"]],
    ["minContains", { contains: { const: 1 }, minContains: 2 }, [1], [" minContains: must contain at least 2 matching items, got an array"]],
    ["maxContains", { contains: { const: 1 }, maxContains: 2 }, [1, 1, 1], [" maxContains: must contain at most 2 matching items, got an array"]],
    ["unevaluatedItems", { prefixItems: [true], unevaluatedItems: { type: "string" } }, [1, 2], ["/1 type: must be a string, got 2"]],
    ["unevaluatedItems: false", { prefixItems: [true], unevaluatedItems: false }, [1, null], ["/1 unevaluatedItems: is not allowed, got null"]],
    ["minProperties", { minProperties: 1 }, {}, [" minProperties: must have at least 1 property, got an object"]],
    ["maxProperties", { maxProperties: 2 }, { a: 1, b: 2, c: 3 }, [" maxProperties: must have at most 2 properties, got an object"]],
    ["required", { required: ["a/b"] }, {}, ["/a~1b required: is required"]],
    ["dependentRequired", { dependentRequired: { credit_card: ["address", "name"] } }, { credit_card: 1, name: 1 }, ['/address dependentRequired: is required when "credit_card" is present']],
    ["propertyNames", { propertyNames: { minLength: 3, pattern: "b" } }, { aa: 1 }, [
      '/aa propertyNames: its name must have at least 3 characters, got "aa"',
      '/aa propertyNames: its name must match the pattern b, got "aa"',
    ]],
    ["propertyNames: false", { propertyNames: false }, { a: 1 }, ['/a propertyNames: its name is not allowed, got "a"']],
    ["properties", { properties: { a: { type: "null" }, b: false } }, { a: 0, b: 0 }, ["/a type: must be null, got 0", "/b not: is not allowed, got 0"]],
    ["patternProperties", { patternProperties: { "^a": { minimum: 1 }, b$: { minimum: 2 } } }, { ab: 0 }, ["/ab minimum: must be at least 1, got 0", "/ab minimum: must be at least 2, got 0"]],
    ["additionalProperties", { properties: { a: true }, patternProperties: { "^b": true }, additionalProperties: { type: "null" } }, { a: 1, b: 1, c: 1 }, ["/c type: must be null, got 1"]],
    ["additionalProperties: false", { additionalProperties: false }, { a: [] }, ["/a additionalProperties: is not allowed, got an array"]],
    ["dependentSchemas", { dependentSchemas: { a: { required: ["b"] } } }, { a: 1 }, ["/b required: is required"]],
    ["unevaluatedProperties: false", { unevaluatedProperties: false }, { a: "x" }, ['/a unevaluatedProperties: is not allowed, got "x"']],
    ["$ref", { $ref: () => ({ type: "null" }) }, 1, [" type: must be null, got 1"]],
    ["allOf", { allOf: [{ minimum: 2 }, { maximum: 0 }] }, 1, [" minimum: must be at least 2, got 1", " maximum: must be at most 0, got 1"]],
    ["anyOf", { anyOf: [{ minimum: 2 }, false] }, 1, [" anyOf: must be a number (nearest: a number, but it must be at least 2), got 1"]],
    ["oneOf, none", { oneOf: [false] }, 1, [" oneOf: is not allowed, got 1"]],
    ["oneOf, two", { oneOf: [{ type: "integer" }, true, false] }, 1, [
      " oneOf: must match exactly one alternative, but matches alternatives 1 (an integer) and 2 (a value of another schema), got 1",
    ]],
    ["not", { not: { type: "number" } }, 1, [' not: must not match the schema under "not", got 1']],
    ["then", { if: { minimum: 1 }, then: { maximum: 5 }, else: false }, 6, [" maximum: must be at most 5, got 6"]],
    ["else", { if: { minimum: 1 }, then: false, else: { multipleOf: 2 } }, -1, [" multipleOf: must be a multiple of 2, got -1"]],
  ];
  test.each(cases)("%s", (_, rules, value, expected) => {
    expect(issues(rules, value)).toEqual(expected);
  });

  test("messages of alternatives are those of the vectors, which Rust reads too", () => {
    const file = new URL("../../../tests/vectors/messages.json", import.meta.url);
    const vectors = JSON.parse(readFileSync(file, "utf8")) as { schema: f.Rules; issues: Record<string, string[]> }[];
    for (const { schema, issues: expected } of vectors) {
      for (const [text, messages] of Object.entries(expected)) {
        expect(issues(schema, json(text)), text).toEqual(messages);
      }
    }
  });
});

describe("each keyword applies only to its own type of value", () => {
  const all: f.Rules = {
    minimum: 1,
    multipleOf: 3,
    minLength: 9,
    pattern: "x",
    format: "date",
    minItems: 1,
    uniqueItems: true,
    contains: false,
    minProperties: 1,
    required: ["a"],
    propertyNames: false,
    additionalProperties: false,
    unevaluatedItems: false,
    unevaluatedProperties: false,
  };
  test("values of other types are accepted", () => {
    expect([true, null, 3].map((value) => takes(all, value))).toEqual([true, true, true]);
    expect(["", [], {}].map((value) => takes(all, value))).toEqual([false, false, false]);
    expect(takes({ maxContains: 0, minContains: 5, then: false, else: false }, [1])).toBe(true);
  });
});

describe("values are compared as JSON", () => {
  test("1 equals 1.0, the order of members does not matter, and 0 is not false", () => {
    expect(takes({ const: 1 }, json("1.0"))).toBe(true);
    expect(takes({ enum: [{ a: 1, b: [2] }] }, json('{"b":[2.0],"a":1e0}'))).toBe(true);
    expect(takes({ uniqueItems: true }, json("[0, false, null, \"0\", [], {}, [0], [false], {\"a\":0}]"))).toBe(true);
    expect(takes({ uniqueItems: true }, json("[0, -0.0]"))).toBe(false);
    expect(takes({ uniqueItems: true }, json('[{"a":[1]},{"a":[1.0]}]'))).toBe(false);
    expect(takes({ uniqueItems: true }, ["[1]", [1], '{"a":1}', { a: 1 }])).toBe(true);
    expect(takes({ const: json('{"__proto__":1}') }, {})).toBe(false);
  });

  test("inherited names are ordinary", () => {
    const names = ["__proto__", "toString", "constructor", "hasOwnProperty"];
    for (const name of names) {
      const one = json(`{${JSON.stringify(name)}: 1}`);
      expect(issues({ required: [name] }, {})).toEqual([`/${name} required: is required`]);
      expect(takes({ required: [name] }, one)).toBe(true);
      expect(takes({ properties: json(`{${JSON.stringify(name)}: false}`) as Record<string, f.Rules> }, {})).toBe(true);
      expect(takes({ properties: json(`{${JSON.stringify(name)}: false}`) as Record<string, f.Rules> }, one)).toBe(false);
      expect(takes({ properties: {}, additionalProperties: false }, one)).toBe(false);
      expect(takes({ dependentRequired: json(`{${JSON.stringify(name)}: ["x"]}`) as Record<string, string[]> }, {})).toBe(true);
      expect(takes({ unevaluatedProperties: false }, one)).toBe(false);
      expect(takes({ propertyNames: { const: name } }, one)).toBe(true);
    }
  });
});

describe("unevaluated keywords skip what accepting applicators evaluated", () => {
  const a: f.Rules = { properties: { a: true }, required: ["a"] };
  const b: f.Rules = { properties: { b: true }, required: ["b"] };
  const closed = (rules: f.RulesObject): f.Rules => ({ ...rules, unevaluatedProperties: false });
  const both = { a: 1, b: 1 };

  test("allOf and references count", () => {
    expect(takes(closed({ allOf: [a, { $ref: () => b }] }), both)).toBe(true);
    expect(issues(closed({ allOf: [a, b] }), { ...both, c: 1 })).toEqual(["/c unevaluatedProperties: is not allowed, got 1"]);
  });

  test("all accepting alternatives of anyOf count, the one of oneOf, and none of not", () => {
    expect(takes(closed({ anyOf: [a, b] }), both)).toBe(true);
    expect(issues(closed({ anyOf: [a, b] }), { a: 1, c: 1 })).toEqual(["/c unevaluatedProperties: is not allowed, got 1"]);
    expect(issues(closed({ oneOf: [a, { ...b, required: ["c"] }] }), both)).toEqual(["/b unevaluatedProperties: is not allowed, got 1"]);
    expect(issues(closed({ not: { not: a } }), { a: 1 })).toEqual(["/a unevaluatedProperties: is not allowed, got 1"]);
  });

  test("if counts when it accepts, and so do then and else", () => {
    const rules = closed({ if: a, then: { properties: { t: true } }, else: { properties: { e: true } } });
    expect(takes(rules, { a: 1, t: 1 })).toBe(true);
    expect(takes(rules, { e: 1 })).toBe(true);
    expect(issues(rules, { a: 1, e: 1 })).toEqual(["/e unevaluatedProperties: is not allowed, got 1"]);
    expect(takes(closed({ if: a }), { a: 1 })).toBe(true);
  });

  test("dependent schemas count when they apply", () => {
    const rules = closed({ properties: { x: true }, dependentSchemas: { x: a } });
    expect(takes(rules, { x: 1, a: 1 })).toBe(true);
    expect(takes(rules, { a: 1 })).toBe(false);
  });

  test("what a rejecting alternative evaluated does not count", () => {
    const rules = closed({ anyOf: [{ properties: { a: true }, required: ["z"] }, true] });
    expect(issues(rules, { a: 1 })).toEqual(["/a unevaluatedProperties: is not allowed, got 1"]);
  });

  test("nested unevaluated and additional properties evaluate everything they apply to", () => {
    expect(takes(closed({ allOf: [{ unevaluatedProperties: true }] }), both)).toBe(true);
    expect(takes(closed({ allOf: [{ additionalProperties: true }] }), both)).toBe(true);
    expect(takes(closed({ patternProperties: { "^[ab]$": true } }), both)).toBe(true);
    // Adjacent subschemas do not see each other's evaluated properties.
    expect(issues({ allOf: [a, closed({})] }, { a: 1 })).toEqual(["/a unevaluatedProperties: is not allowed, got 1"]);
    // Properties at another path do not count.
    expect(issues(closed({ properties: { x: a } }), { x: { a: 1 }, a: 1 })).toEqual(["/a unevaluatedProperties: is not allowed, got 1"]);
  });

  test("items: prefixes, contains and rest", () => {
    const rest = (rules: f.RulesObject): f.Rules => ({ ...rules, unevaluatedItems: false });
    expect(takes(rest({ allOf: [{ prefixItems: [true] }, { prefixItems: [true, true] }] }), [1, 2])).toBe(true);
    expect(issues(rest({ prefixItems: [true], contains: { const: 3 } }), [1, 2, 3])).toEqual(["/1 unevaluatedItems: is not allowed, got 2"]);
    expect(takes(rest({ anyOf: [{ items: true }, false] }), [1, 2])).toBe(true);
    expect(takes(rest({ allOf: [{ unevaluatedItems: { type: "number" } }] }), [1, 2])).toBe(true);
    expect(issues(rest({ contains: { const: 1 }, minContains: 0 }), [2])).toEqual(["/0 unevaluatedItems: is not allowed, got 2"]);
  });

  test("through recursion", () => {
    const Tree: f.Rules = { properties: { left: { $ref: () => Closed }, value: true } };
    const Closed: f.Rules = { $ref: () => Tree, unevaluatedProperties: false };
    expect(takes(Closed, { left: { left: { value: 1 } } })).toBe(true);
    // The levels above check for remaining properties once this is fixed.
    expect(issues(Closed, { left: { left: { value: 1, x: 1 } } })).toEqual([
      "/left/left/x unevaluatedProperties: is not allowed, got 1",
    ]);
  });
});

describe("large and hostile values", () => {
  const List: f.Rules = { type: "array", items: { $ref: () => List } };
  const nested = (depth: number): unknown => json("[".repeat(depth) + "]".repeat(depth));

  test("127 levels are read, and none below", () => {
    expect(takes(List, nested(127))).toBe(true);
    expect(issues(List, nested(128))).toEqual([`${"/0".repeat(127)} depth: must not be nested deeper than 127 levels, got an array`]);
    for (const rules of [List, { uniqueItems: true }, { anyOf: [List, false] }, { not: List }, { contains: List }] as f.Rules[]) {
      expect(takes(rules, [nested(50_000), 1])).toBe(false);
    }
  });

  test("100,000 distinct items are compared quickly", () => {
    const items = Array.from({ length: 100_000 }, (_, index) => (index % 2 ? { index, list: [index] } : `item ${index}`));
    const start = performance.now();
    expect(takes({ uniqueItems: true }, items)).toBe(true);
    expect(performance.now() - start).toBeLessThan(20_000);
    expect(issues({ uniqueItems: true }, [...items, { list: [99_999], index: 99_999 }])).toEqual(["/100000 uniqueItems: must not repeat item 99999, got an object"]);
  });

  test("values that are not JSON are rejected", () => {
    for (const value of [undefined, 1n, Symbol("a"), () => 1, [undefined], { a: undefined }]) {
      expect(takes(true, value), String(value)).toBe(false);
    }
  });
});

describe("a shape reads the values that its rules accept", () => {
  const Step = f.checked(f.object({ id: f.int64(), name: f.optional(f.string()) }), {
    type: "object",
    properties: { id: { type: "string", format: "int64" }, name: { type: "string" } },
    required: ["id"],
    minProperties: 2,
  });

  test("the shape determines the output, the rules the verdict", () => {
    expect(Step.parse({ id: "7", x: 1 })).toEqual({ id: 7n });
    expect(f.issues(Step.safeParse({ id: "7" }).error!)).toEqual([
      { path: "", rule: "minProperties", message: "must have at least 2 properties", value: "an object" },
    ]);
    expect(f.array(Step).parse([{ id: "1", name: "a" }])).toEqual([{ id: 1n, name: "a" }]);
  });

  test("the wire profile applies in addition to the rules", () => {
    expect(issues({ required: ["a"] }, { x: [NaN], y: { z: LONE } })).toEqual([
      "/a required: is required",
      "/x/0 type: must be a finite number, got NaN",
      '/y/z type: must not hold a lone surrogate, got "\\ud800"',
    ]);
  });
});
