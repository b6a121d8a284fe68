import { describe, expect, test } from "vitest";
import * as z from "zod";
import * as full from "../src/validate/zod/index.js";
import * as mini from "../src/validate/zod/mini.js";
import type { Rules } from "../src/validate/zod/index.js";

/** Returns how often the objects of a value are read. */
let visits = 0;

function counted<Value extends object>(value: Value): Value {
  return new Proxy(value, {
    ownKeys(target) {
      visits++;
      return Reflect.ownKeys(target);
    },
  });
}

/** Returns objects nested by the property `child`, around an innermost value. */
function nested(levels: number, innermost: object): object {
  let value = counted(innermost);
  for (let level = 0; level < levels; level++) {
    value = counted({ child: value });
  }
  return value;
}

/** A node with a child, as rules. */
function node(child: () => Rules): Rules {
  return { type: "object", properties: { child: { $ref: child }, heading: { type: "string" } }, additionalProperties: false };
}

const Any: Rules = { anyOf: [node(() => Any), node(() => Any)] };
const One: Rules = { oneOf: [node(() => One), { type: "null" }, { not: node(() => One) }] };
const All: Rules = { allOf: [node(() => All), node(() => All)] };
const Condition: Rules = { if: node(() => Condition), then: node(() => Condition), else: node(() => Condition) };
const Closed: Rules = {
  type: "object",
  anyOf: [
    { properties: { child: { $ref: () => Closed } } },
    { properties: { child: { $ref: () => Closed }, heading: { type: "string" } } },
  ],
  unevaluatedProperties: false,
};
const Patterns: Rules = {
  properties: { child: { $ref: () => Patterns }, heading: { type: "string" } },
  patternProperties: { "^child$": { $ref: () => Patterns } },
  additionalProperties: false,
};
const Left: Rules = {
  type: ["object", "string"],
  not: { type: "object", properties: { child: { $ref: () => Left } }, required: ["missing"] },
  unevaluatedProperties: { $ref: () => Left },
};
const RULES: Record<string, Rules> = { Any, All, Condition, Closed, Patterns, Left };

describe.each([
  ["fanfare/zod", full as typeof full],
  ["fanfare/zod-mini", mini as unknown as typeof full],
])("%s looks at a value in proportion to its size", (_, f) => {
  const Child = f.optional(f.lazy((): z.core.SomeType => Union));
  const heading = f.optional(f.string());
  const Union = f.union([f.strictObject({ child: Child }), f.strictObject({ child: Child, heading })]);
  const OnlyChild = f.optional(f.lazy((): z.core.SomeType => Exclusive));
  const Exclusive = f.xor([f.strictObject({ child: OnlyChild, heading }), f.strictObject({ child: OnlyChild, size: f.int() })]);
  // With schemas of zod in between.
  const Refined = z.lazy((): z.core.SomeType => Mixed).refine(() => true);
  const Mixed = f.union([f.strictObject({ child: f.optional(Refined) }), f.strictObject({ child: f.optional(Refined), heading })]);
  const Ignoring = f.optional(f.lazy((): z.core.SomeType => Open));
  const Open = f.union([f.object({ size: f.int() }), f.object({ child: Ignoring, heading })]);

  test.each<[string, z.core.$ZodType]>([
    ...Object.entries(RULES).map(([name, rules]) => [name, f.checked(f.json(), rules)] as [string, z.core.$ZodType]),
    ["anyOf", Union],
    ["oneOf", Exclusive],
    ["alternatives with refinements", Mixed],
    ["alternatives that ignore the rest", Open],
  ])("%s", async (name, schema) => {
    const payload: z.core.$ZodType = f.payload(schema);
    const [few, many] = [40, 120].map((levels) => {
      visits = 0;
      expect(z.core.safeParse(payload, nested(levels, { heading: "text" })).success).toBe(true);
      expect(z.core.safeParse(payload, nested(levels, { heading: 1 })).success).toBe(false);
      return visits;
    }) as [number, number];
    // Three times the levels. Some visits are made before the first is memoized.
    expect(many).toBeLessThan(5 * few);
    expect(many).toBeLessThan(10_000);
    if (!name.includes("refinements")) {
      visits = 0;
      const valid = await z.core.safeParseAsync(payload, nested(60, { heading: "text" }));
      expect(valid.success).toBe(true);
      const invalid = await z.core.safeParseAsync(payload, nested(60, { heading: 1 }));
      expect(invalid.success).toBe(false);
      expect(visits).toBeLessThan(10_000);
    }
  });

  test("schemas that use one schema twice take linear time at any depth", () => {
    type Outer = (inner: Rules) => Rules;
    const outer: Outer[] = [
      (inner) => ({ anyOf: [inner, inner] }),
      (inner) => ({ oneOf: [inner, { not: inner }] }),
      (inner) => ({ allOf: [inner, inner] }),
      (inner) => ({ if: inner, then: inner, else: inner }),
    ];
    for (const wrap of outer) {
      let rules: Rules = { type: ["string", "object"] };
      for (let level = 0; level < 40; level++) {
        rules = wrap(rules);
      }
      for (const value of ["text", 1, 0, -0, counted({})]) {
        visits = 0;
        f.checked(f.json(), rules).safeParse(value);
        expect(visits).toBeLessThan(1_000);
      }
    }
    let union: z.core.SomeType = f.record(f.string());
    for (let level = 0; level < 40; level++) {
      union = f.union([union, union]);
    }
    visits = 0;
    expect(z.core.safeParse(union as z.core.$ZodType, counted({ a: 1 })).success).toBe(false);
    expect(visits).toBeLessThan(1_000);
  });

  test("values that readers did not finish are not memoized as valid", async () => {
    const wrong: Rules = { allOf: Array.from({ length: 30 }, (_, number) => ({ properties: { a: { minimum: 1000 + number } } })) };
    const strict: Rules = { properties: { b: { type: "string" } } };
    const loud: Rules = { allOf: [Any, Any], dependentSchemas: { a: wrong, b: { $ref: () => strict } } };
    const quiet: Rules = { allOf: [Any, Any, { $ref: () => strict }], anyOf: [{ $ref: () => strict }, { $ref: () => strict }] };
    const schema = f.union([f.checked(f.json(), loud), f.checked(f.json(), quiet)]) as unknown as z.core.$ZodType;
    const value = { a: 1, b: 2, ...nested(40, { heading: "text" }) };
    expect((await z.core.safeParseAsync(schema, value)).success).toBe(z.core.safeParse(schema, value).success);
  });

  test("a long list of alternatives is read asynchronously", async () => {
    const list = f.array(f.union([f.string(), f.number()])) as unknown as z.core.$ZodType;
    const since = performance.now();
    expect((await z.core.safeParseAsync(list, Array.from({ length: 8000 }, () => "a"))).success).toBe(true);
    // A second if the time grows with the length, a minute if it grows with its square.
    expect(performance.now() - since).toBeLessThan(20_000);
  });

  test("outputs are memoized, too", () => {
    const Big = f.optional(f.lazy((): z.core.SomeType => Node));
    const Node = f.union([f.strictObject({ child: Big, never: f.string() }), f.strictObject({ child: Big, big: f.optional(f.int64()) })]);
    let value: object = { big: "12" };
    let expected: object = { big: 12n };
    for (let level = 0; level < 100; level++) {
      [value, expected] = [{ child: value }, { child: expected }];
    }
    const result = z.core.safeParse(Node, value);
    expect(result.data).toEqual(expected);
  });

  test("an object at several paths is validated at each depth", () => {
    const List = f.union([f.array(f.lazy((): z.core.SomeType => List)), f.array(f.lazy((): z.core.SomeType => List)), f.null()]);
    let shared: unknown = null;
    for (let level = 0; level < 100; level++) {
      shared = [shared];
    }
    let deeper = shared;
    for (let level = 0; level < 28; level++) {
      deeper = [deeper];
    }
    expect(z.core.safeParse(List, shared).success).toBe(true);
    expect(z.core.safeParse(f.array(List), [shared, [shared], deeper]).success).toBe(false);
  });

  test("a refinement that throws or parses leaves no state behind", () => {
    const Throwing = f.union([f.object({ a: z.string().refine(() => { throw new Error("refined"); }) }), f.object({ a: f.string() })]);
    expect(() => z.core.safeParse(Throwing, { a: "x" })).toThrow("refined");
    const Parsing = f.object({ a: z.any().refine((value) => z.core.safeParse(Union, value).success) });
    expect(z.core.safeParse(Parsing, { a: nested(80, { heading: "text" }) }).success).toBe(true);
    expect(z.core.safeParse(Parsing, { a: nested(80, { heading: 1 }) }).success).toBe(false);
  });
});
