/** Compiled, never run: validators infer the generated types. */
import * as z from "zod";
import * as mini from "zod/mini";
import * as f from "../src/validate/zod/index.js";
import * as m from "../src/validate/zod/mini.js";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
/** Compiles if both types are the same. */
type Equal<A, B> = Same<Flat<A>, Flat<B>>;
type Flat<T> = T extends object ? { [Key in keyof T]: Flat<T[Key]> } : T;
function isTrue<T extends true>(): T | undefined {
  return undefined;
}

type Step = "research" | "write";
interface Everything {
  message: string;
  step?: Step | undefined;
  note?: string | null | undefined;
  parent: string | null;
  mood: "good" | "bad" | (string & {});
  inner: { id: bigint; tags: string[] };
  pair: [string, number];
  counts: Record<string, number>;
  kind: "everything";
  size: 1 | "auto" | null;
  shape: { x: 1; list: [1, 2] };
  raw: unknown;
  maybe?: unknown;
  event: Event;
  width: number | string;
  nothing: null;
}
interface Created {
  kind: "created";
  by: string;
}
interface Deleted {
  kind: "deleted";
  at?: bigint | undefined;
}
type Event = Created | Deleted;
type OpenEvent = Created | { kind: string & {}; [key: string]: unknown };
interface Tree {
  children: Tree[];
  next?: Tree | undefined;
}
interface Others {
  id: number;
  name?: string | undefined;
  [key: string]: boolean | number | string | undefined;
}

export const CreatedSchema = f.object({ kind: f.literal("created"), by: f.string() }) satisfies z.ZodType<Created>;
export const DeletedSchema = f.object({ kind: f.literal("deleted"), at: f.uint64().optional() }) satisfies z.ZodType<Deleted>;
export const EventSchema = f.discriminatedUnion("kind", { created: CreatedSchema, deleted: DeletedSchema }) satisfies z.ZodType<Event>;
export const OpenEventSchema = f.openDiscriminatedUnion("kind", { created: CreatedSchema }) satisfies z.ZodType<OpenEvent>;
export const StepSchema = f.enum(["research", "write"]) satisfies z.ZodType<Step>;
export const TreeSchema: z.ZodType<Tree> = f.lazy(() =>
  f.object({ children: f.array(TreeSchema), next: f.lazy(() => TreeSchema).optional() }),
);
export const OthersSchema = f.catchall(f.object({ id: f.int(), name: f.string().optional() }), f.boolean()) satisfies z.ZodType<Others>;
export const MapSchema = f.record(f.nullable(f.array(StepSchema))) satisfies z.ZodType<Record<string, Step[] | null>>;
export const PrefixedSchema = f.catchall(f.object({ id: f.int(), "x-a": f.boolean() }), f.string(), ["x-"]);
export const PrefixedMapSchema = f.record(f.int(), ["x-", "y-"]);
export const StrictSchema = f.strictObject({ a: f.json() }) satisfies z.ZodType<{ a: unknown }>;

export const EverythingSchema = f.object({
  message: f.string({ minLength: 1 }),
  step: StepSchema.optional(),
  note: f.nullable(f.string()).optional(),
  parent: f.nullable(f.string()),
  mood: f.openEnum(["good", "bad"]),
  inner: f.object({ id: f.int64(), tags: f.array(f.string(), { maxItems: 3 }) }),
  pair: f.tuple([f.string(), f.number()]),
  counts: f.record(f.int()),
  kind: f.literal("everything"),
  size: f.literals([1, "auto", null]),
  shape: f.literal({ x: 1, list: [1, 2] }),
  raw: f.json(),
  maybe: f.json().optional(),
  event: EventSchema,
  width: f.union([f.number(), f.string()]),
  nothing: f.null(),
}) satisfies z.ZodType<Everything>;

export function inference(): void {
  isTrue<Equal<z.infer<typeof EverythingSchema>, Everything>>();
  isTrue<Same<z.infer<typeof EventSchema>, Event>>();
  isTrue<Same<z.infer<typeof TreeSchema>, Tree>>();
  isTrue<Same<z.infer<typeof StepSchema>, Step>>();
  isTrue<Equal<z.infer<typeof OthersSchema>, Others>>();
  isTrue<Same<z.infer<typeof MapSchema>, Record<string, Step[] | null>>>();
  isTrue<Equal<z.infer<typeof PrefixedSchema>, { id: number; "x-a": boolean; [key: `x-${string}`]: string | boolean }>>();
  isTrue<Same<z.infer<typeof PrefixedMapSchema>, Record<`x-${string}` | `y-${string}`, number>>>();
  isTrue<Equal<z.infer<typeof OpenEventSchema>, OpenEvent>>();
  isTrue<Equal<z.infer<typeof StrictSchema>, { a: unknown }>>();
  const payload = f.payload(EverythingSchema);
  isTrue<Equal<z.infer<typeof payload>, Everything>>();
  isTrue<Same<z.input<typeof payload>["inner"]["id"], string>>();
  const extended = EverythingSchema.pick({ message: true }).extend({ more: f.boolean(), rest: f.optional(f.checked(f.string(), { minLength: 1 })) });
  isTrue<Equal<z.infer<typeof extended>, { message: string; more: boolean; rest?: string | undefined }>>();

  // @ts-expect-error: the message is a string
  void (f.object({ message: f.int() }) satisfies z.ZodType<{ message: string }>);
  // @ts-expect-error: an optional property may be absent
  void (f.object({ message: f.string().optional() }) satisfies z.ZodType<{ message: string }>);
}

/** The same, with the classes of zod/mini. */
export const MiniSchema = m.object({
  id: m.optional(m.int64()),
  kind: m.enum(["a", "b"]),
  tags: m.array(m.nullable(m.string())),
  event: m.discriminatedUnion("kind", { created: m.object({ kind: m.literal("created"), by: m.string() }) }),
  rows: m.checked(m.record(m.tuple([m.int(), m.boolean()])), { minProperties: 1 }),
}) satisfies mini.ZodMiniType;

export function miniInference(): void {
  isTrue<
    Equal<
      z.infer<typeof MiniSchema>,
      { id?: bigint | undefined; kind: "a" | "b"; tags: (string | null)[]; event: Created; rows: Record<string, [number, boolean]> }
    >
  >();
  isTrue<Same<z.input<typeof MiniSchema>["id"], string | undefined>>();
  const extended = mini.extend(MiniSchema, { more: m.payload(m.json()) });
  isTrue<Same<z.infer<typeof extended>["more"], unknown>>();
}

/** Rules are JSON Schema keywords, as far as types can express them. */
export const EvenRules: f.Rules = { type: ["integer", "null"], multipleOf: 2, not: { $ref: () => EvenRules } };
// @ts-expect-error: there is no such keyword
export const Misspelt: f.Rules = { minLenght: 1 };
// @ts-expect-error: there is no such type
export const Untyped: f.Rules = { type: "float" };
