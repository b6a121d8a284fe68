import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import * as f from "../src/validate/zod/index.js";
import { isEqual } from "../src/validate/schema/equal.js";

/** Returns the verdict on JSON text. */
function takes(schema: z.ZodType, json: string): boolean {
  return f.payload(schema).safeParse(JSON.parse(json)).success;
}

/** Returns the output for a value. */
function read<T>(schema: z.ZodType<T>, json: string): T {
  return f.payload(schema).parse(JSON.parse(json));
}

/** Returns every issue as `path rule: message`. */
function issues(schema: z.ZodType, value: unknown): string[] {
  const result = schema.safeParse(value);
  return result.success ? [] : f.issues(result.error).map((issue) => `${issue.path} ${issue.rule}: ${issue.message}`);
}

describe("numbers", () => {
  test("integers may be written as decimals, and are limited to the safe range", () => {
    for (const json of ["1", "1.0", "1e2", "-0", "9007199254740991", "-9007199254740991.0"]) {
      expect(takes(f.int(), json), json).toBe(true);
    }
    for (const json of ["1.5", "9007199254740992", "-9007199254740992", "1e300", '"1"', "true", "[1]", "null"]) {
      expect(takes(f.int(), json), json).toBe(false);
    }
    expect(issues(f.int({ minimum: 0, maximum: 100 }), 101)).toEqual([" maximum: must be at most 100"]);
  });

  test("numbers are finite, and minus zero becomes zero", () => {
    expect(takes(f.number(), "1e400")).toBe(false);
    expect(read(f.number(), "1e-400")).toBe(0);
    expect(read(f.number(), "-0")).toBe(0);
    expect(read(f.array(f.int({ minimum: 0 })), "[-0]")).toEqual([0]);
    expect(issues(f.number(), NaN)).toEqual([" type: must be a finite number"]);
  });

  test("limits of numbers apply", () => {
    const limited = f.number({ minimum: 1, maximum: 6, exclusiveMinimum: 1, exclusiveMaximum: 6 });
    expect(issues(limited, 5)).toEqual([]);
    expect(issues(limited, 1)).toEqual([" exclusiveMinimum: must be greater than 1"]);
    expect(issues(limited, 7)).toEqual([" maximum: must be at most 6", " exclusiveMaximum: must be less than 6"]);
  });

  test("64-bit integers are canonical strings", () => {
    expect(read(f.int64(), '"-9223372036854775808"')).toBe(-(2n ** 63n));
    expect(read(f.uint64(), '"18446744073709551615"')).toBe(2n ** 64n - 1n);
    for (const text of ["", "-", "-0", "+1", "01", "1.0", "1e2", " 1", "9223372036854775808", "१", "1\n"]) {
      expect(takes(f.int64(), JSON.stringify(text)), text).toBe(false);
    }
    expect(takes(f.uint64(), '"-1"')).toBe(false);
    expect(takes(f.int64(), "1")).toBe(false);
    expect(z.encode?.(f.int64(), 7n)).toBe("7");
  });
});

describe("strings", () => {
  test("lengths count code points, and lone surrogates are rejected", () => {
    const one = f.string({ minLength: 1, maxLength: 1 });
    expect([takes(one, '"😀"'), takes(one, '"\\ud83d\\ude00"'), takes(one, '""'), takes(one, '"👍🏽"')]).toEqual([true, true, false, false]);
    expect(issues(one, "ab")).toEqual([" maxLength: must have at most 1 character"]);
    expect(takes(f.string(), '"\\ud800"')).toBe(false);
    expect(f.string().safeParse("\udc00\ud800").success).toBe(false);
  });

  test("patterns do not depend on earlier matches", () => {
    const pattern = f.string({ pattern: /^.$/gu });
    expect([1, 2, 3].map(() => pattern.safeParse("😀").success)).toEqual([true, true, true]);
    expect(issues(pattern, "ab")).toEqual([" pattern: must match the pattern ^.$"]);
  });

  test.each([f.uuid, f.dateTime, f.date, f.time, f.email, f.uri, f.ipv4, f.ipv6, f.hostname])(
    "$name accepts and refuses what its vectors say",
    (format) => {
      const file = new URL(`../../../tests/vectors/formats/${format.name}.json`, import.meta.url);
      const vectors = JSON.parse(readFileSync(file, "utf8")) as { valid: string[]; invalid: string[] };
      const schema = f.string({ format });
      for (const text of vectors.valid) expect(schema.parse(text)).toBe(text);
      for (const text of vectors.invalid) expect(schema.safeParse(text).success, text).toBe(false);
    },
  );
});

describe("objects", () => {
  const Status = f.object({
    message: f.string(),
    step: f.enum(["research", "write"]).optional(),
    note: f.nullable(f.string()).optional(),
    parent: f.nullable(f.string()),
    tags: f.array(f.string()).optional(),
  });

  test("absent, null and empty are distinct", () => {
    const base = { message: "", parent: null };
    for (const value of [base, { ...base, note: null }, { ...base, tags: [] }, { ...base, parent: "" }]) {
      expect(Status.parse(value)).toEqual(value);
      expect(Object.keys(Status.parse(value)).sort()).toEqual(Object.keys(value).sort());
    }
    expect(issues(Status, { ...base, step: null })).toEqual(['/step enum: must be one of "research", "write"']);
    expect(issues(Status, { message: "" })).toEqual(["/parent required: is required"]);
    expect(issues(Status, ["", null])).toEqual([" type: must be an object"]);
    expect(Status.parse({ ...base, x: 1 })).toEqual(base);
  });

  test("objects are zod objects that can be extended and picked from", () => {
    const More = Status.extend({ toString: f.int().optional() }).pick({ message: true, toString: true });
    expect(More).toBeInstanceOf(z.ZodObject);
    const Named = f.object({ toString: f.string().optional(), a: f.int() });
    expect(Named).toBeInstanceOf(z.ZodObject);
    expect(Named.extend({ valueOf: f.int().optional() }).parse({ a: 1 })).toEqual({ a: 1 });
    expect(Named.partial().describe("all optional").parse({})).toEqual({});
    expect(f.string({ maxLength: 2 }).min(1).safeParse("abc").success).toBe(false);
  });

  test("a catchall keeps the checks of its object", () => {
    const Range = f.object({ from: f.int(), to: f.int() }).refine(({ from, to }) => from <= to, "must not end before it begins");
    const Labelled = f.catchall(Range, f.string());
    expect(Labelled.parse({ from: 1, to: 2, label: "a" })).toEqual({ from: 1, to: 2, label: "a" });
    expect(Labelled.safeParse({ from: 1, to: 2, label: 3 }).success).toBe(false);
    expect(Labelled.safeParse({ from: 2, to: 1 }).success).toBe(false);
  });

  test("only own keys are read, even if objects inherit one", () => {
    const shape = { toString: f.string().optional(), constructor: f.int().optional() };
    expect(Object.keys(f.object(shape).parse({}))).toEqual([]);
    expect(issues(f.object({ hasOwnProperty: f.json() }), {})).toEqual(["/hasOwnProperty required: is required"]);
    expect(takes(f.object(shape), '{"toString": null}')).toBe(false);
    expect(f.object(shape).parse({ toString: "a", valueOf: 1 })).toEqual({ toString: "a" });
  });

  test("__proto__ is an ordinary key, declared, in maps and unknown", () => {
    const declared = f.object({ ["__proto__"]: f.int(), a: f.int().optional() });
    expect(JSON.stringify(read(declared, '{"__proto__": 1, "a": 2}'))).toBe('{"__proto__":1,"a":2}');
    expect(issues(declared, {})).toEqual(["/__proto__ required: is required"]);
    expect(issues(declared, JSON.parse('{"__proto__": "1"}'))).toEqual(["/__proto__ type: must be an integer"]);

    expect(JSON.stringify(read(f.record(f.int()), '{"__proto__": 1}'))).toBe('{"__proto__":1}');
    expect(issues(f.record(f.int()), JSON.parse('{"__proto__": {}}'))).toEqual(["/__proto__ type: must be an integer"]);

    const strict = f.strictObject({ a: f.int().optional() });
    expect(issues(strict, JSON.parse('{"__proto__": 1, "x": 1}')).sort()).toEqual([
      "/__proto__ additionalProperties: is not allowed",
      "/x additionalProperties: is not allowed",
    ]);
    const open = f.catchall(f.object({ a: f.int() }), f.string());
    expect(JSON.stringify(read(open, '{"a": 1, "__proto__": "b", "toString": "c"}'))).toBe('{"a":1,"__proto__":"b","toString":"c"}');
    expect(issues(open, JSON.parse('{"a": 1, "__proto__": 2, "valueOf": 3}')).sort()).toEqual([
      "/__proto__ type: must be a string",
      "/valueOf type: must be a string",
    ]);
    expect(({} as Record<string, unknown>)["b"]).toBeUndefined();
  });

  test("every violation is reported with its path", () => {
    const schema = f.strictObject({ "a/b~c": f.int(), list: f.array(f.tuple([f.string(), f.boolean()]), { minItems: 3 }), missing: f.json() });
    expect(issues(schema, { list: [["x"], [1, true]], "a/b~c": "x", z: 1 }).sort()).toEqual([
      "/a~1b~0c type: must be an integer",
      "/list minItems: must have at least 3 items",
      "/list/0 minItems: must have exactly 2 items",
      "/list/1/0 type: must be a string",
      "/missing required: is required",
      "/z additionalProperties: is not allowed",
    ]);
  });
});

describe("literals and alternatives", () => {
  test("literals are compared deeply", () => {
    const schema = f.literals([1, "a", null, { x: [1, { y: 2 }], z: 0 }, JSON.parse('{"__proto__": 1}')]);
    for (const json of ["1.0", '"a"', "null", '{"z": -0, "x": [1, {"y": 2}]}', '{"__proto__": 1}']) {
      expect(takes(schema, json), json).toBe(true);
    }
    for (const json of ["2", "true", "[]", "{}", '{"x": [1, {"y": 3}], "z": 0}', '{"z": 0}', '{"0": 1}', '{"__proto__": 2}']) {
      expect(takes(schema, json), json).toBe(false);
    }
    expect(isEqual({ toString: 1 }, { a: 1 })).toBe(false);
    expect(isEqual([], {})).toBe(false);
    expect(issues(f.literal([1]), 1)).toEqual([" const: must be [1]"]);
    expect(issues(f.enum(["a", 'b"']), 1)).toEqual([' enum: must be one of "a", "b\\""']);
    expect(takes(f.enum(["__proto__", "toString"]), '"valueOf"')).toBe(false);
    expect(takes(f.enum(["__proto__", "toString"]), '"__proto__"')).toBe(true);
    expect(f.openEnum(["a"]).parse("b")).toBe("b");
  });

  test("alternatives follow JSON Schema exactly", () => {
    const small = f.int({ maximum: 10 });
    const even = f.int({ multipleOf: 2 });
    expect(["3", "4", "12", "13"].map((json) => takes(f.union([small, even]), json))).toEqual([true, true, true, false]);
    expect(["3", "4", "12", "13"].map((json) => takes(f.xor([small, even]), json))).toEqual([true, false, true, false]);
    expect(issues(f.union([small, even]), 13)).toEqual([" anyOf: must be an integer (nearest: an integer, but it must be at most 10)"]);
    expect(issues(f.nullable(small), 11)).toEqual([" maximum: must be at most 10"]);
    expect(issues(f.never(), [])).toEqual([" not: is not allowed"]);
    // The first that accepts determines the output.
    expect(f.union([f.object({ a: f.int() }), f.object({ b: f.int() })]).parse({ a: 1, b: 2 })).toEqual({ a: 1 });
    expect(f.union([f.string({ maxLength: 1 }), f.int64()]).parse("12")).toBe(12n);
  });

  // `payload_check.rs` has the same schemas, values and messages.
  test("messages name the alternatives and give the reason of the nearest", () => {
    const text = f.string({ maxLength: 3 });
    const Cat = f.object({ kind: f.literal("cat"), age: f.int() });
    const Dog = f.object({ kind: f.literal("dog"), name: text });
    const Pet = f.union([Cat, Dog, f.array(f.int()), text, f.boolean(), f.enum(["a", "b", "c", "d"])]);
    const catOrDog = 'an object with "kind": "cat", an object with "kind": "dog"';
    const pets = `must be ${catOrDog}, an array of integers, a string, a boolean or 1 other`;
    const near = (nearest: string): string[] => [` anyOf: ${pets} (nearest: ${nearest})`];
    expect(issues(Pet, 1)).toEqual([` anyOf: ${pets}`]);
    expect(issues(Pet, { kind: "cat" })).toEqual(near('an object with "kind": "cat", but /age is required'));
    expect(issues(Pet, { kind: "dog", name: "Rover" })).toEqual(near('an object with "kind": "dog", but /name must have at most 3 characters'));
    expect(issues(Pet, [1, "x"])).toEqual(near("an array of integers, but /1 must be an integer"));
    expect(issues(Pet, "Rover")).toEqual(near("a string, but it must have at most 3 characters"));
    expect(issues(f.nullable(Pet), 1)).toEqual([` anyOf: must be null, ${catOrDog}, an array of integers, a string or 2 others`]);
    expect(issues(f.xor([f.int(), f.number()]), 4)).toEqual([
      " oneOf: must match exactly one alternative, but matches alternatives 1 (an integer) and 2 (a number)",
    ]);
  });

  test("messages are the same if alternatives are read asynchronously", async () => {
    const Either = f.union([f.object({ a: f.int() }), f.object({ b: f.int() }), f.string()]);
    for (const schema of [Either, f.xor([f.json(), f.int()]), f.nullable(Either)]) {
      for (const value of [1, { a: "1" }, { b: 1 }, { c: 1 }]) {
        const result = await schema.safeParseAsync(value);
        expect(result.error?.issues).toEqual(schema.safeParse(value).error?.issues);
      }
    }
  });

  // `payload_check.rs` has the same schemas, values and messages.
  test("messages mention null where it is allowed", () => {
    expect(issues(f.nullable(f.enum(["a", "b"])), "c")).toEqual([' enum: must be one of null, "a", "b"']);
    expect(issues(f.nullable(f.literal("a")), "c")).toEqual([' enum: must be one of null, "a"']);
    expect(issues(f.nullable(f.array(f.int())), 1)).toEqual([" type: must be null or an array"]);
    expect(issues(f.nullable(f.array(f.int())), ["x"])).toEqual(["/0 type: must be an integer"]);
    expect(issues(f.nullable(f.int()), 0.5)).toEqual([" type: must be null or an integer"]);
    expect(issues(f.nullable(f.int64()), 1)).toEqual([" format: must be null or a 64-bit integer in a string"]);
    expect(issues(f.nullable(f.discriminatedUnion("kind", { a: f.json() })), { kind: 1 })).toEqual(["/kind type: must be a string"]);
  });

  test("the choices of an enum keep their order", () => {
    expect(issues(f.enum(["b", "10", "2"]), "c")).toEqual([' enum: must be one of "b", "10", "2"']);
  });

  test("a tag selects the case, lazily and recursively", () => {
    type Node = { kind: "leaf" } | { kind: "branch"; left: Node; right?: Node | undefined };
    const Tree: z.ZodType<Node> = f.lazy(() =>
      f.discriminatedUnion("kind", {
        leaf: f.object({ kind: f.literal("leaf") }),
        branch: f.lazy(() => f.object({ kind: f.literal("branch"), left: Tree, right: Tree.optional() })),
      }),
    );
    expect(read(Tree, '{"kind":"branch","left":{"kind":"leaf","x":1}}')).toEqual({ kind: "branch", left: { kind: "leaf" } });
    expect(issues(Tree, { kind: "branch", left: { kind: "twig" } })).toEqual(['/left/kind enum: must be one of "leaf", "branch"']);
    expect(issues(Tree, {})).toEqual(["/kind required: is required"]);
    expect(issues(Tree, { kind: ["leaf"] })).toEqual(["/kind type: must be a string"]);
    expect(issues(Tree, ["kind"])).toEqual([" type: must be an object"]);
    expect(issues(f.discriminatedUnion("toString", { a: f.json() }), {})).toEqual(["/toString required: is required"]);
    expect(takes(f.discriminatedUnion("kind", { a: f.json() }), '{"kind": "__proto__"}')).toBe(false);

    const open = f.openDiscriminatedUnion("kind", { leaf: f.object({ kind: f.literal("leaf") }) });
    expect(read(open, '{"kind":"twig","raw":[1]}')).toEqual({ kind: "twig", raw: [1] });
    expect(open.safeParse({ kind: "twig", raw: NaN }).success).toBe(false);
  });

  test("asynchronous refinements work", async () => {
    const slow = f.string().refine(async (text) => text.length > 1);
    const shapes = [f.union([slow, f.int()]), f.xor([slow, f.int()]), f.record(slow), f.discriminatedUnion("k", { a: f.object({ k: slow, toString: slow.optional() }) })];
    const values: unknown[] = ["ab", "ab", { a: "ab" }, { k: "a", toString: "ab" }];
    const verdicts = await Promise.all(shapes.map((shape, index) => shape.safeParseAsync(values[index])));
    expect(verdicts.map((verdict) => verdict.success)).toEqual([true, true, true, false]);
  });
});

describe("payloads", () => {
  const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);

  test("nesting is limited to 127 levels, which is checked before recursing", () => {
    const Tree: z.ZodType = f.lazy(() => f.array(Tree));
    for (const schema of [Tree, f.json(), f.object({ a: f.json() }).or(f.array(f.json()))]) {
      expect([takes(schema, nested(127)), takes(schema, nested(128))]).toEqual([true, false]);
    }
    let deep: unknown = [];
    for (let level = 0; level < 10_000; level++) deep = { a: deep };
    expect(issues(f.payload(f.object({})), deep)[0]).toMatch(/depth: must not be nested deeper than 127 levels$/);
    expect(f.json().safeParse(deep).success).toBe(false);
  });

  test("the wire profile applies to parts that the schema ignores", () => {
    const schema = f.payload(f.object({ a: f.int() }));
    for (const json of ['{"a":1,"x":"\\ud800"}', '{"a":1,"x":1e400}', '{"a":1,"\\ud800":1}']) {
      expect(schema.safeParse(JSON.parse(json)).success, json).toBe(false);
    }
    expect(issues(schema, { a: 1, x: [1, Infinity] })).toEqual(["/x/1 type: must be a finite number"]);
  });

  test("any JSON value is accepted", () => {
    for (const value of [undefined, NaN, 1n, Symbol("a"), () => 1, new Date(), new Map(), [undefined], { a: undefined }, "\ud800"]) {
      expect(f.json().safeParse(value).success, String(value)).toBe(false);
    }
    const value = JSON.parse('{"__proto__": [null, true, {"toString": "😀"}]}') as unknown;
    expect(f.json().parse(value)).toBe(value);
    expect(issues(f.object({ a: f.json() }), {})).toEqual(["/a required: is required"]);
    expect(f.object({ a: f.json().optional() }).parse({})).toEqual({});
  });

  test("z.toJSONSchema and z.compile respect the schema", () => {
    const schema = f.object({ id: f.int64(), name: f.string({ maxLength: 3 }), n: f.int({ minimum: 1 }), any: f.json() });
    expect(z.toJSONSchema(schema)).toMatchObject({
      properties: { id: { format: "int64" }, name: { maxLength: 3 }, n: { type: "integer", minimum: 1 }, any: {} },
    });
    const compiled = z.compile(schema);
    expect(compiled.safeParse({ id: "1", name: "four", n: 0, any: null }).success).toBe(false);
    expect(compiled.parse({ id: "1", name: "one", n: 1, any: null })).toEqual({ id: 1n, name: "one", n: 1, any: null });
    const strict = z.compile(f.strictObject({ toString: f.string().optional() }));
    expect([strict.safeParse({}).success, strict.safeParse(JSON.parse('{"__proto__":1}')).success]).toEqual([true, false]);
  });
});
