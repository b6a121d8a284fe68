/**
 * The functions of `fanfare/zod` and `fanfare/zod-mini`, without their types. Each takes the zod classes of
 * one of the two, and returns the function that creates schemas of a subclass.
 */

import type * as core from "zod/v4/core";

import type { Rules } from "../rules/rules.js";
import type { ArrayLimits } from "../schema/arrays.js";
import { isPrimitive } from "../schema/equal.js";
import type { IntegerLimits, NumberLimits } from "../schema/number.js";
import type { StringLimits } from "../schema/text.js";
import { defineClass, type Kind, type Parent } from "./class.js";
import * as kinds from "./kinds.js";
import type { Cases } from "./types.js";

type Schema = core.SomeType;
type Shape = core.$ZodShape;

/** Creates a schema. The modules for users declare its type because TypeScript cannot infer zod's classes. */
type Create<Args extends unknown[]> = (...args: Args) => never;

/** Returns a function that creates schemas of a kind. `define` turns its arguments into their definition. */
function validator<Definition extends object, Args extends unknown[] = []>(
  name: string,
  kind: Kind<Definition>,
  define: (...args: Args) => Definition,
): (parent: Parent) => Create<Args> {
  return (parent) => {
    const create = defineClass(name, parent, kind);
    return (...args) => create(define(...args));
  };
}

const none = (): object => ({});
const ofSchema = (schema: Schema): { innerType: Schema } => ({ innerType: schema });
const ofOptions = (options: readonly Schema[]): { options: readonly Schema[] } => ({ options });
const ofValues = (values: readonly unknown[]): { values: readonly unknown[] } => ({ values });

export const string = /* @__PURE__ */ validator("String", kinds.string, (limits: StringLimits = {}) => ({ limits }));
export const int = /* @__PURE__ */ validator("Int", kinds.int, (limits: IntegerLimits = {}) => ({ limits }));
export const number = /* @__PURE__ */ validator("Number", kinds.number, (limits: NumberLimits = {}) => ({ limits }));
export const int64 = /* @__PURE__ */ validator("Int64", kinds.int64, none);
export const uint64 = /* @__PURE__ */ validator("Uint64", kinds.uint64, none);
export const boolean = /* @__PURE__ */ validator("Boolean", kinds.boolean, none);
export const nullValue = /* @__PURE__ */ validator("Null", kinds.nullValue, none);
export const never = /* @__PURE__ */ validator("Never", kinds.never, none);
export const json = /* @__PURE__ */ validator("Json", kinds.json, none);

export const enumOf = /* @__PURE__ */ validator("Enum", kinds.enumOf, (names: readonly string[]) => ({
  names,
  entries: Object.fromEntries(names.map((name) => [name, name])),
}));

export function openEnum(string: () => Schema): Create<[names: readonly string[]]> {
  return () => string() as never;
}

const primitives = /* @__PURE__ */ validator("Literal", kinds.literals, ofValues);
const deepValues = /* @__PURE__ */ validator("DeepLiteral", kinds.literals, ofValues);

/** Zod's own literals are primitives only, so values with arrays and objects have the class of any schema. */
export function literals(parent: Parent, deepParent: Parent): Create<[values: readonly unknown[]]> {
  const [ofPrimitives, ofDeepValues] = [primitives(parent), deepValues(deepParent)];
  return (values) => (values.every(isPrimitive) ? ofPrimitives(values) : ofDeepValues(values));
}

export function literal(literals: (values: readonly unknown[]) => Schema): Create<[value: unknown]> {
  return (value) => literals([value]) as never;
}

export const array = /* @__PURE__ */ validator("Array", kinds.array, (element: Schema, limits: ArrayLimits = {}) => ({
  element,
  limits,
}));

export const tuple = /* @__PURE__ */ validator("Tuple", kinds.tuple, (items: readonly Schema[], rest: Schema | null = null) => ({
  items,
  rest,
}));

export function record(parent: Parent, string: () => Schema): Create<[value: Schema]> {
  return validator("Record", kinds.record, (valueType: Schema) => ({ keyType: string(), valueType }))(parent);
}

export const object = /* @__PURE__ */ validator("Object", kinds.object, (shape: Shape) => ({ shape }));

export function strictObject(parent: Parent, never: () => Schema): Create<[shape: Shape]> {
  return validator("Object", kinds.object, (shape: Shape) => ({ shape, catchall: never() }))(parent);
}

export const catchall = /* @__PURE__ */ validator("Object", kinds.object, ({ _zod }: core.$ZodObject, others: Schema) => ({
  ..._zod.def,
  catchall: others,
}));

export const optional = /* @__PURE__ */ validator("Optional", kinds.optional, ofSchema);
export const nullable = /* @__PURE__ */ validator("Nullable", kinds.nullable, ofSchema);
export const union = /* @__PURE__ */ validator("Union", kinds.union, ofOptions);
export const xor = /* @__PURE__ */ validator("Xor", kinds.xor, ofOptions);

const ofCases = (isOpen: boolean) => (tag: string, cases: Cases) => ({ options: Object.values(cases), tag, cases, isOpen });

export const discriminatedUnion = /* @__PURE__ */ validator("DiscriminatedUnion", kinds.discriminatedUnion, /* @__PURE__ */ ofCases(false));
export const openDiscriminatedUnion = /* @__PURE__ */ validator("DiscriminatedUnion", kinds.discriminatedUnion, /* @__PURE__ */ ofCases(true));

export const lazy = /* @__PURE__ */ validator("Lazy", kinds.lazy, (getter: () => Schema) => ({ getter }));

export const checked = /* @__PURE__ */ validator("Checked", kinds.checked, (shape: Schema, rules: Rules) => ({
  getter: () => shape,
  rules,
}));

export const unchanged = /* @__PURE__ */ validator("Unchanged", kinds.unchanged, (schema: Schema) => ({ getter: () => schema }));

export const payload = /* @__PURE__ */ validator("Payload", kinds.payload, (schema: Schema) => ({ getter: () => schema }));
