/**
 * The functions of `fanfare/validators`, `fanfare/zod` and `fanfare/zod-mini`, without their types. Each takes the
 * classes of one of these, and returns the function that creates schemas.
 */

import type { Kind, Schema } from "./kind.js";
import * as kinds from "./kinds.js";
import type { Rules } from "./rules/rules.js";
import type { ArrayLimits } from "./schema/arrays.js";
import { isPrimitive } from "./schema/equal.js";
import type { IntegerLimits, NumberLimits } from "./schema/number.js";
import type { StringLimits } from "./schema/text.js";

/** Returns a constructor of schemas of a kind. The name is that of its class. */
export type Define = <Definition extends object>(name: string, kind: Kind<Definition>) => (definition: Definition) => never;

/** Creates a schema. The modules for users declare its type because TypeScript cannot infer zod's classes. */
type Create<Args extends unknown[]> = (...args: Args) => never;

type Shape = Readonly<Record<string, Schema>>;

/** Returns a function that creates schemas of a kind. `definitionOf` turns its arguments into their definition. */
function validator<Definition extends object, Args extends unknown[] = []>(
  name: string,
  kind: Kind<Definition>,
  definitionOf: (...args: Args) => Definition,
): (define: Define) => Create<Args> {
  return (define) => {
    const create = define(name, kind);
    return (...args) => create(definitionOf(...args));
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
export function literals(define: Define, defineDeep: Define): Create<[values: readonly unknown[]]> {
  const [ofPrimitives, ofDeepValues] = [primitives(define), deepValues(defineDeep)];
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

export function record(define: Define, string: () => Schema): Create<[value: Schema]> {
  return validator("Record", kinds.record, (valueType: Schema) => ({ keyType: string(), valueType }))(define);
}

export const object = /* @__PURE__ */ validator("Object", kinds.object, (shape: Shape) => ({ shape }));

export function strictObject(define: Define, never: () => Schema): Create<[shape: Shape]> {
  return validator("Object", kinds.object, (shape: Shape) => ({ shape, catchall: never() }))(define);
}

export function catchall<Base extends Schema>(
  define: Define,
  definitionOf: (object: Base) => { shape: Shape },
): Create<[object: Base, others: Schema]> {
  const withOthers = (object: Base, others: Schema) => ({ ...definitionOf(object), catchall: others });
  return validator("Object", kinds.object, withOthers)(define);
}

export const optional = /* @__PURE__ */ validator("Optional", kinds.optional, ofSchema);
export const nullable = /* @__PURE__ */ validator("Nullable", kinds.nullable, ofSchema);
export const union = /* @__PURE__ */ validator("Union", kinds.union, ofOptions);
export const xor = /* @__PURE__ */ validator("Xor", kinds.xor, ofOptions);

const ofCases = (isOpen: boolean) => (tag: string, cases: Shape) => ({ options: Object.values(cases), tag, cases, isOpen });

export const discriminatedUnion = /* @__PURE__ */ validator("DiscriminatedUnion", kinds.discriminatedUnion, /* @__PURE__ */ ofCases(false));
export const openDiscriminatedUnion = /* @__PURE__ */ validator("DiscriminatedUnion", kinds.discriminatedUnion, /* @__PURE__ */ ofCases(true));

export const lazy = /* @__PURE__ */ validator("Lazy", kinds.lazy, (getter: () => Schema) => ({ getter }));

export const checked = /* @__PURE__ */ validator("Checked", kinds.checked, (shape: Schema, rules: Rules) => ({
  getter: () => shape,
  rules,
}));

export const unchanged = /* @__PURE__ */ validator("Unchanged", kinds.unchanged, (schema: Schema) => ({ getter: () => schema }));

export const payload = /* @__PURE__ */ validator("Payload", kinds.payload, (schema: Schema) => ({ getter: () => schema }));
