import { describe, expect, test } from "vitest";
import * as z from "zod";
import { describeIssues } from "../src/validate/standard-schema.js";
import * as f from "../src/validate/zod/index.js";

/** Returns the issues of a whole payload. */
function issues(schema: z.ZodType, value: unknown): f.Issue[] {
  const result = f.payload(schema).safeParse(value);
  return result.success ? [] : f.issues(result.error);
}

/** Returns the value of an issue. */
const shown = (value: unknown): string | undefined => issues(f.never(), value)[0]?.value;

describe("an issue has the value, abbreviated", () => {
  test("numbers as JavaScript writes them, texts as JSON, containers by type", () => {
    expect([null, true, 1.5, -0, 1e21, 1e-7, [1], { a: 1 }].map(shown)).toEqual([
      "null", "true", "1.5", "0", "1e+21", "1e-7", "an array", "an object",
    ]);
    expect(shown('a "quoted"\n\u0001 text')).toBe('"a \\"quoted\\"\\n\\u0001 text"');
  });

  test("texts are truncated after 40 code points", () => {
    expect(shown("x".repeat(40))).toBe(`"${"x".repeat(40)}"`);
    expect(shown("x".repeat(41))).toBe(`"${"x".repeat(40)}…"`);
    expect(shown("😀".repeat(40))).toBe(`"${"😀".repeat(40)}"`);
    expect(shown(`${"😀".repeat(39)}"ab`)).toBe(`"${"😀".repeat(39)}\\"…"`);
  });

  test("no value if there is none", () => {
    expect(issues(f.object({ a: f.string() }), {})).toEqual([{ path: "/a", rule: "required", message: "is required" }]);
    expect(issues(f.strictObject({}), { a: null })).toEqual([
      { path: "/a", rule: "additionalProperties", message: "is not allowed", value: "null" },
    ]);
  });
});

describe("issues are in order", () => {
  test("by the code points of their paths", () => {
    const names = ["\uffff", "😀", "b", "a/b", "a", "a~", "ab", "é"];
    const paths = issues(f.record(f.never()), Object.fromEntries(names.map((name) => [name, 1]))).map(({ path }) => path);
    expect(paths).toEqual(["/a", "/ab", "/a~0", "/a~1b", "/b", "/é", "/\uffff", "/😀"]);
    expect(issues(f.array(f.never(), { maxItems: 1 }), Array(11).fill(0)).map(({ path }) => path)).toEqual([
      "", "/0", "/1", "/10", "/2", "/3", "/4", "/5", "/6", "/7", "/8", "/9",
    ]);
  });

  test("stably by keyword, and without duplicates", () => {
    const Twice = f.checked(f.json(), { minLength: 9, allOf: [{ pattern: "b" }, { pattern: "b" }, { minLength: 9 }] });
    expect(issues(Twice, "a").map(({ rule }) => rule)).toEqual(["minLength", "pattern"]);
  });

  test("in the reports of zod and Standard Schema, too", () => {
    const Schema = f.object({ b: f.int(), a: f.int() });
    const result = Schema["~standard"].validate({ b: "", a: "" });
    expect(result).toMatchObject({ issues: [{ path: ["a"] }, { path: ["b"] }] });
  });

  test("issues of the wire profile and the schema together", () => {
    const Schema = f.object({ a: f.int(), list: f.array(f.string()) });
    expect(issues(Schema, { x: { y: NaN }, a: "1", list: ["\udc00", 2], "\ud800": 1 }).map(({ path, message }) => `${path} ${message}`)).toEqual([
      "/a must be an integer",
      "/list/0 must not hold a lone surrogate",
      "/list/1 must be a string",
      "/x/y must be a finite number",
      "/\ud800 must not have a lone surrogate in its name",
    ]);
  });
});

describe("issues as text", () => {
  const text = (schema: z.ZodType, value: unknown): string => {
    const result = schema["~standard"].validate(value);
    return result instanceof Promise ? "" : describeIssues(result.issues ?? []);
  };

  test("have a path, a requirement and a value", () => {
    expect(text(f.object({ progress: f.int({ maximum: 100 }), message: f.string() }), { progress: 101 })).toBe(
      "/message is required; /progress must be at most 100, got 101",
    );
    expect(text(f.string(), [])).toBe("the value must be a string, got an array");
  });

  test("have other libraries' messages after a colon", () => {
    expect(text(z.object({ "a/b": z.string().refine((value) => value !== "a", "too plain") }), { "a/b": "a" })).toBe("/a~1b: too plain");
  });
});

test("properties added to Object.prototype are not read", () => {
  const Schema = f.payload(f.object({ a: f.optional(f.int()), map: f.optional(f.record(f.int())), json: f.json() }));
  const Tagged = f.discriminatedUnion("kind", { a: f.object({ kind: f.literal("a") }) });
  const prototype = Object.prototype as { a?: unknown; kind?: unknown };
  prototype.a = "inherited";
  prototype.kind = "a";
  try {
    expect(Object.keys(Schema.parse({ map: { b: 1 }, json: {} }))).toEqual(["map", "json"]);
    expect(issues(f.strictObject({}), {})).toEqual([]);
    expect(Tagged.safeParse({}).success).toBe(false);
  } finally {
    delete prototype.a;
    delete prototype.kind;
  }
});

describe("issues are limited", () => {
  const more = { path: "", rule: "issues", message: "has more than 20 issues" };
  const paths = (found: readonly f.Issue[]): string[] => found.map(({ path }) => path);

  test("to the first 20, in order, and a last one says so", () => {
    const wrong = (count: number): f.Issue[] => issues(f.array(f.string()), Array(count).fill(1));
    expect(wrong(20)).toHaveLength(20);
    expect(wrong(21)).toHaveLength(21);
    expect(wrong(21).at(-1)).toEqual(more);
    expect(wrong(1_000)).toEqual(wrong(21));
    expect(paths(wrong(21)).slice(0, 20).sort()).toEqual(Array.from({ length: 20 }, (_, index) => `/${index}`).sort());
  });

  test("in every kind of schema", () => {
    const list = Array(30).fill(1);
    const object = Object.fromEntries(list.map((_, index) => [`p${index}`, Infinity]));
    const names = Object.keys(object);
    const schemas: [z.ZodType, unknown][] = [
      [f.record(f.string()), object],
      [f.strictObject({}), object],
      [f.object(Object.fromEntries(names.map((name) => [name, f.string()]))), {}],
      [f.json(), object],
      [f.json(), Object.values(object)],
      [f.tuple(list.map(() => f.string())), list],
      [f.array(z.string()), list],
      [f.object({ list: z.array(z.string()) }), { list }],
      [z.object({ list: z.array(z.string()) }), { list }],
      [f.checked(f.json(), { items: { type: "string" } }), list],
      [f.checked(f.json(), { unevaluatedItems: false }), list],
      [f.checked(f.json(), { unevaluatedProperties: false }), object],
      [f.checked(f.json(), { propertyNames: { maxLength: 1 } }), Object.fromEntries(names.map((name) => [name, 1]))],
      [f.checked(f.json(), { required: names }), {}],
      [f.checked(f.json(), { allOf: names.map((name) => ({ required: [name] })) }), {}],
    ];
    for (const [schema, value] of schemas) {
      const found = issues(schema, value);
      expect(found).toHaveLength(21);
      expect(found.at(-1)).toEqual(more);
    }
  });

  test("after duplicates are dropped", () => {
    const list = Array(11).fill(1);
    const Twice = f.checked(f.json(), { allOf: [{ items: { type: "string" } }, { items: { type: "string" } }] });
    expect(issues(Twice, list)).toHaveLength(11);
    expect(issues(f.array(Twice), [list, [1], [1, 1, 1, 1, 1, 1, 1, 1]])).toHaveLength(20);
    expect(issues(f.array(Twice), [list, [1], [1, 1, 1, 1, 1, 1, 1, 1, 1]]).at(-1)).toEqual(more);
  });

  test("and reading stops there", () => {
    let reads = 0;
    const list = Array.from({ length: 1_000 }, () => Object.defineProperty({}, "a", { enumerable: true, get: () => reads++ }));
    issues(f.array(f.object({ a: f.string() })), list);
    expect(reads).toBeLessThan(30);
    reads = 0;
    issues(f.checked(f.json(), { items: { properties: { a: { type: "string" } } }, minItems: 2_000 }), list);
    expect(reads).toBeLessThan(60);
  });

  test("asynchronously too", async () => {
    const Either = f.union([f.string(), f.boolean()]);
    const result = await f.array(f.tuple([Either, f.string()])).safeParseAsync(Array(50).fill([1, 1]));
    expect(f.issues(result.error as z.ZodError)).toHaveLength(21);
  });

  test("long names and paths are truncated", () => {
    const name = `${"😀".repeat(64)}x`;
    expect(paths(issues(f.record(f.string()), { [name]: 1, ["y".repeat(64)]: 1 }))).toEqual([
      `/${"y".repeat(64)}`,
      `/${"😀".repeat(64)}…`,
    ]);
    let deep: unknown = Infinity;
    for (let level = 0; level < 100; level++) {
      deep = { name: deep };
    }
    expect(paths(issues(f.json(), deep))).toEqual([`${"/name".repeat(60)}…`]);
  });
});
