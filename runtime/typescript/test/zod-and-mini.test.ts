import { readFileSync } from "node:fs";
import { build } from "esbuild";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import * as mini from "zod/mini";
import * as zodFace from "../src/validate/zod/index.js";
import * as miniFace from "../src/validate/zod/mini.js";

/** The functions of both modules. They return schemas of zod or of zod/mini. */
type Face = typeof zodFace;
type Schema = z.core.$ZodType;

const faces: [name: string, f: Face, prefix: string][] = [
  ["fanfare/zod", zodFace, "Zod"],
  ["fanfare/zod-mini", miniFace as unknown as Face, "ZodMini"],
];

/** A schema of either module. */
interface Any {
  safeParse(value: unknown): { success: boolean; data?: unknown; error?: { issues: z.core.$ZodIssue[] } };
  parse(value: unknown): unknown;
}

test("fanfare/zod and fanfare/zod-mini have the same functions", () => {
  expect(Object.keys(miniFace)).toEqual(Object.keys(zodFace));
});

test("fanfare/zod and fanfare/zod-mini differ in the names of zod's classes only", () => {
  const read = (name: string) => readFileSync(new URL(`../src/validate/zod/${name}.ts`, import.meta.url), "utf8");
  const [, functions] = read("index").split("type Shape", 2);
  const [, miniFunctions = ""] = read("mini").split("type Shape", 2);
  // Some classes of zod/mini have a type parameter that those of zod lack.
  const expected = miniFunctions.replaceAll("z.ZodMini", "z.Zod").replace(/(z\.Zod\w+)<(string|number|boolean)>/g, "$1");
  expect(functions).toBe(expected);
});

describe.each(faces)("%s", (_, f, prefix) => {
  const everything = (): [kind: string, schema: Schema, right: unknown, wrong: unknown][] => [
    ["String", f.string({ minLength: 1 }), "a", ""],
    ["Number", f.int({ maximum: 5 }), 5, 6],
    ["Number", f.number({ exclusiveMinimum: 0 }), 0.5, 0],
    ["Type", f.int64(), "1", "01"],
    ["Type", f.uint64(), "1", "-1"],
    ["Boolean", f.boolean(), true, 1],
    ["Null", f.null(), null, undefined],
    ["Never", f.never(), undefined, 1],
    ["Type", f.json(), [1], [undefined]],
    ["Enum", f.enum(["a"]), "a", "b"],
    ["Type", f.openEnum(["a"]), "b", 1],
    ["Literal", f.literal(1), 1, 2],
    ["Literal", f.literals([1, "a", null]), "a", "b"],
    ["Type", f.literal({ a: [1] }), { a: [1] }, { a: 1 }],
    ["Array", f.array(f.string(), { minItems: 1 }), ["a"], []],
    ["Tuple", f.tuple([f.string()]), ["a"], ["a", "b"]],
    ["Record", f.record(f.int()), { a: 1 }, { a: "1" }],
    ["Object", f.object({ a: f.int() }), { a: 1, b: 2 }, {}],
    ["Object", f.strictObject({ a: f.int() }), { a: 1 }, { a: 1, b: 2 }],
    ["Object", f.catchall(f.object({ a: f.int() }), f.string()), { a: 1, b: "2" }, { a: 1, b: 2 }],
    ["Optional", f.optional(f.int()), undefined, null],
    ["Nullable", f.nullable(f.int()), null, undefined],
    ["Union", f.union([f.int(), f.string()]), "a", true],
    ["Union", f.xor([f.int(), f.number()]), 1.5, 1],
    ["Union", f.discriminatedUnion("k", { a: f.object({ k: f.literal("a") }) }), { k: "a" }, { k: "b" }],
    ["Union", f.openDiscriminatedUnion("k", { a: f.object({ k: f.literal("a") }) }), { k: "b" }, { k: 1 }],
    ["Lazy", f.lazy(() => f.int()), 1, "1"],
    ["Type", f.checked(f.array(f.json()), { uniqueItems: true }), [1, 2], [1, 1]],
    ["Type", f.payload(f.object({})), { a: [1] }, { a: [NaN] }],
  ];

  test("schemas are instances of zod's classes, and clones keep their reader", () => {
    const classes = (prefix === "Zod" ? z : mini) as unknown as Record<string, { [Symbol.hasInstance](value: unknown): boolean }>;
    for (const [kind, schema, right, wrong] of everything()) {
      if (kind === "Never") continue;
      expect(schema, kind).toBeInstanceOf(classes[`${prefix}${kind}`]);
      for (const one of [schema, z.core.clone(schema), z.core.clone(schema, schema._zod.def)] as unknown as Any[]) {
        expect([one.safeParse(right).success, one.safeParse(wrong).success], kind).toEqual([true, false]);
      }
    }
  });

  test("~standard, safeParse and parse agree", () => {
    const Status = f.object({ id: f.int64(), progress: f.optional(f.int({ maximum: 100 })) });
    const right = { id: "7", progress: 1 };
    const wrong = { id: "7", progress: 101 };
    expect(Status["~standard"].validate(right)).toEqual({ value: { id: 7n, progress: 1 } });
    expect(Status.parse(right)).toEqual({ id: 7n, progress: 1 });
    expect(() => Status.parse(wrong)).toThrow("must be at most 100");
    expect(Status["~standard"].validate(wrong)).toMatchObject({
      issues: [{ path: ["progress"], message: "must be at most 100", params: { rule: "maximum", value: "101" } }],
    });
    expect(z.core.encode(Status, { id: 7n, progress: 1 })).toEqual(right);
  });

  test("unchanged values are returned as they are, and changed ones are copied", () => {
    const Rows = f.array(f.object({ a: f.json(), b: f.optional(f.int64()) }));
    const same = [{ a: [1] }, { a: {} }];
    expect(Rows.parse(same)).toBe(same);
    const rows = [{ a: 1 }, { a: 2, b: "3" }, { a: 4, x: 5 }, { a: 6 }];
    const output = Rows.parse(rows);
    expect(output).toEqual([{ a: 1 }, { a: 2, b: 3n }, { a: 4 }, { a: 6 }]);
    expect(rows).toEqual([{ a: 1 }, { a: 2, b: "3" }, { a: 4, x: 5 }, { a: 6 }]);
    expect(output[0]).toBe(rows[0]);
    expect(Object.is(f.payload(f.record(f.number())).parse({ a: 1, b: -0 })["b"], 0)).toBe(true);
  });

  test("objects can be extended with users' schemas, including defaults and refinements", () => {
    const Base = f.object({ a: f.int(), toString: f.optional(f.string()) });
    const More = z.core.util.extend(Base as z.core.$ZodObject, {
      slug: z.string().min(2),
      size: z.number().default(1),
      note: z.string().optional(),
      upper: z.string().transform((text) => text.toUpperCase()).optional(),
      gone: z.string().transform(() => undefined).optional(),
    }) as unknown as Any;
    expect(More.parse({ a: 1, slug: "ab" })).toEqual({ a: 1, slug: "ab", size: 1 });
    expect(More.parse({ a: 1, slug: "ab", upper: "x", note: undefined, gone: "x" })).toEqual({
      a: 1,
      slug: "ab",
      size: 1,
      upper: "X",
      note: undefined,
      gone: undefined,
    });
    const { error } = More.safeParse({ a: "1", slug: "a", size: "x" });
    expect(f.issues(error as never).map(({ path, rule }) => `${path} ${rule}`)).toEqual(["/a type", "/size type", "/slug too_small"]);
    expect(f.issues(More.safeParse({ a: 1 }).error as never)).toEqual([{ path: "/slug", rule: "required", message: "is required" }]);
  });

  test("schemas can be recursive through getters and lazy schemas", () => {
    const Node: Schema = f.object({
      name: f.string(),
      get next() {
        return f.optional(Node);
      },
      children: f.optional(f.lazy(() => f.array(Node))),
    });
    const one = { name: "a", next: { name: "b" }, children: [{ name: "c", children: [] }] };
    expect((Node as unknown as Any).parse(one)).toBe(one);
    expect(f.issues((Node as unknown as Any).safeParse({ name: "a", next: { children: [{ name: 1 }] } }).error as never)).toEqual([
      { path: "/next/children/0/name", rule: "type", message: "must be a string", value: "1" },
      { path: "/next/name", rule: "required", message: "is required" },
    ]);
  });

  test("asynchronous checks and transforms work at every position", async () => {
    const slow = z.string().refine(async (text) => text.length > 1, "too short");
    const twice = z.string().transform(async (text) => text + text);
    const Deep = f.object({
      list: f.array(f.record(f.tuple([f.nullable(slow), f.optional(twice)]))),
      either: f.union([f.object({ s: slow }), f.object({ t: twice })]),
      one: f.xor([slow, twice.pipe(z.literal("aa"))]),
      case: f.discriminatedUnion("k", { a: f.object({ k: f.literal("a"), __proto__x: twice }) }),
      free: f.payload(f.lazy(() => twice)),
    });
    const value = { list: [{ m: ["ab", "x"] }], either: { t: "y" }, one: "a", case: { k: "a", __proto__x: "z" }, free: "w" };
    const copy = structuredClone(value);
    expect(await z.core.parseAsync(Deep, value)).toEqual({
      list: [{ m: ["ab", "xx"] }],
      either: { t: "yy" },
      one: "aa",
      case: { k: "a", __proto__x: "zz" },
      free: "ww",
    });
    expect(value).toEqual(copy);
    const { error } = await z.core.safeParseAsync(Deep, { ...value, list: [{ m: ["a", 1] }], either: { s: "a" }, one: "" });
    expect(f.issues(error as never).map(({ path, rule }) => `${path} ${rule}`)).toEqual([
      "/either anyOf",
      "/list/0/m/0 custom",
      "/list/0/m/1 type",
      "/one oneOf",
    ]);
    expect(await Deep["~standard"].validate(value)).toMatchObject({ value: { free: "ww" } });
    expect(() => z.core.parse(Deep, value)).toThrow(z.core.$ZodAsyncError);
  });

  test("z.toJSONSchema receives all metadata", () => {
    const schema = f.object({
      name: f.string({ maxLength: 3 }),
      count: f.optional(f.int({ minimum: 1 })),
      id: f.int64(),
      list: f.array(f.json(), { minItems: 1 }),
      deep: f.literal({ a: 1 }),
      wrapped: f.payload(f.checked(f.nullable(f.boolean()), { not: { const: true } })),
    });
    expect(z.toJSONSchema(schema)).toMatchObject({
      required: ["name", "id", "list", "deep", "wrapped"],
      properties: {
        name: { type: "string", maxLength: 3 },
        count: { type: "integer", minimum: 1 },
        id: { type: "string", format: "int64" },
        list: { type: "array", minItems: 1, items: {} },
      },
    });
  });
});

test("a page that uses zod/mini does not load the full zod", async () => {
  const bundle = await build({
    stdin: { contents: `import * as f from "./src/validate/zod/mini.js"; console.log(f.object({ a: f.string() }).parse({}));`, resolveDir: "." },
    bundle: true,
    write: false,
    metafile: true,
    format: "esm",
    minify: true,
  });
  const modules = Object.keys(bundle.metafile.inputs);
  expect(modules.some((path) => path.includes("zod/v4/mini/"))).toBe(true);
  expect(modules.filter((path) => path.includes("zod/v4/classic/"))).toEqual([]);
});
