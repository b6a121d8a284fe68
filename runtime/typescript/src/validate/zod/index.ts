/**
 * The zod schemas that generated validators consist of. They give the same verdict as Rust on every JSON
 * value, and are much faster than zod's own.
 *
 * Each function returns a zod schema that can be extended, picked from and composed like any other, but
 * reads values differently: own keys only, `__proto__` as an ordinary name, lengths in code points, exact
 * decimals, one grammar per format, and without `eval`. Values that need not change are not copied, so
 * the output of a parse may be its input. `fanfare/zod-mini` has the same functions for pages that use
 * `zod/mini`.
 *
 * @example
 * import * as f from "fanfare/zod";
 *
 * const Status = f.object({ message: f.string({ minLength: 1 }), progress: f.optional(f.integer({ maximum: 100 })) });
 * const WithNote = Status.extend({ note: z.string() });
 *
 * @module
 */

import * as z from "zod";

import type { Rules } from "../rules/rules.js";
import type { ArrayLimits } from "../schema/arrays.js";
import { isPrimitive } from "../schema/equal.js";
import type { IntegerLimits, NumberLimits } from "../schema/number.js";
import type { StringLimits } from "../schema/text.js";
import { exact } from "./class.js";
import * as kinds from "./kinds.js";
import type { Cases, Json, Mutable, Open, UnknownCase, WithOthers } from "./types.js";

export { automaton, type Automaton } from "../schema/automaton.js";
export { issues, type Issue } from "./issues.js";
export type { Rules, RulesObject } from "../rules/rules.js";
export type { ArrayLimits } from "../schema/arrays.js";
export type { Format } from "../schema/formats.js";
export type { IntegerLimits, NumberLimits } from "../schema/number.js";
export type { StringLimits } from "../schema/text.js";
export type { Json, WithOthers } from "./types.js";

type Schema = z.core.SomeType;
type Shape = z.core.$ZodShape;

const newString = /* @__PURE__ */ exact("String", z.ZodString, kinds.string);
const newInteger = /* @__PURE__ */ exact("Integer", z.ZodNumber, kinds.integer);
const newNumber = /* @__PURE__ */ exact("Number", z.ZodNumber, kinds.number);
const newInt64 = /* @__PURE__ */ exact("Int64", z.ZodType, kinds.int64);
const newUint64 = /* @__PURE__ */ exact("Uint64", z.ZodType, kinds.uint64);
const newBoolean = /* @__PURE__ */ exact("Boolean", z.ZodBoolean, kinds.boolean);
const newNil = /* @__PURE__ */ exact("Null", z.ZodNull, kinds.nil);
const newNever = /* @__PURE__ */ exact("Never", z.ZodNever, kinds.never);
const newJson = /* @__PURE__ */ exact("Json", z.ZodType, kinds.json);
const newEnum = /* @__PURE__ */ exact("Enum", z.ZodEnum, kinds.enums);
const newLiteral = /* @__PURE__ */ exact("Literal", z.ZodLiteral, kinds.literals);
const newDeepLiteral = /* @__PURE__ */ exact("DeepLiteral", z.ZodType, kinds.literals);
const newArray = /* @__PURE__ */ exact("Array", z.ZodArray, kinds.array);
const newTuple = /* @__PURE__ */ exact("Tuple", z.ZodTuple, kinds.tuple);
const newMap = /* @__PURE__ */ exact("Map", z.ZodRecord, kinds.map);
const newObject = /* @__PURE__ */ exact("Object", z.ZodObject, kinds.object);
const newOptional = /* @__PURE__ */ exact("Optional", z.ZodOptional, kinds.optional);
const newNullable = /* @__PURE__ */ exact("Nullable", z.ZodNullable, kinds.nullable);
const newAnyOf = /* @__PURE__ */ exact("AnyOf", z.ZodUnion, kinds.anyOf);
const newOneOf = /* @__PURE__ */ exact("OneOf", z.ZodUnion, kinds.oneOf);
const newTagged = /* @__PURE__ */ exact("Tagged", z.ZodUnion, kinds.tagged);
const newLazy = /* @__PURE__ */ exact("Lazy", z.ZodLazy, kinds.lazy);
const newPayload = /* @__PURE__ */ exact("Payload", z.ZodLazy, kinds.payload);
const newChecked = /* @__PURE__ */ exact("Checked", z.ZodLazy, kinds.withRules);

/**
 * A string of Unicode text, without lone surrogates. Lengths count code points.
 *
 * @example
 * f.string({ minLength: 1, pattern: /^run_[a-z0-9]+$/u })
 */
export function string(limits: StringLimits = {}): z.ZodString {
  return newString({ limits });
}

/**
 * An integer that every JSON runtime represents exactly, that is, within ±(2^53 − 1). `1.0` is an
 * integer.
 */
export function integer(limits: IntegerLimits = {}): z.ZodNumber {
  return newInteger({ limits });
}

/** A finite number. `-0` becomes 0. `multipleOf` is exact for decimals. */
export function number(limits: NumberLimits = {}): z.ZodNumber {
  return newNumber({ limits });
}

/** A signed 64-bit integer: a decimal string in JSON, a `bigint` here. */
export function int64(): z.ZodType<bigint, string> {
  return newInt64({});
}

/** An unsigned 64-bit integer: a decimal string in JSON, a `bigint` here. */
export function uint64(): z.ZodType<bigint, string> {
  return newUint64({});
}

/** `true` or `false`. */
export function boolean(): z.ZodBoolean {
  return newBoolean({});
}

/** `null`. */
export function nil(): z.ZodNull {
  return newNil({});
}

/** Accepts no value. */
export function never(): z.ZodNever {
  return newNever({});
}

/** Any JSON value: not `undefined`, infinite numbers, lone surrogates or class instances. */
export function json(): z.ZodType<Json, Json> {
  return newJson({});
}

/** One of several strings. */
export function enums<const Names extends readonly string[]>(names: Names): z.ZodEnum<{ [Name in Names[number]]: Name }> {
  return newEnum({ entries: Object.fromEntries(names.map((name) => [name, name])) });
}

/** Any string. The type lists the known ones. */
export function openEnum<const Names extends readonly string[]>(_names: Names): z.ZodType<Open<Names[number]>, Open<Names[number]>> {
  return string();
}

/** This JSON value, compared deeply. */
export function literal<const Value>(value: Value): z.ZodType<Mutable<Value>, Mutable<Value>> {
  return literals([value]) as z.ZodType<Mutable<Value>, Mutable<Value>>;
}

/** One of these JSON values, compared deeply. */
export function literals<const Values extends readonly unknown[]>(
  values: Values,
): z.ZodType<Mutable<Values[number]>, Mutable<Values[number]>> {
  return (values.every(isPrimitive) ? newLiteral : newDeepLiteral)({ values });
}

/** An array whose items have one schema. */
export function array<Item extends Schema>(item: Item, limits: ArrayLimits = {}): z.ZodArray<Item> {
  return newArray({ element: item, limits });
}

/** An array of exactly these items. */
export function tuple<const Items extends readonly [] | readonly Schema[]>(items: Items): z.ZodTuple<Items, null> {
  return newTuple({ items, rest: null });
}

/** An object whose values have one schema. Any name is allowed, including `__proto__`. */
export function map<Value extends Schema>(value: Value): z.ZodRecord<z.ZodString, Value> {
  return newMap({ keyType: string(), valueType: value });
}

/**
 * An object. Properties that it does not declare are accepted and left out of the output.
 *
 * @example
 * f.object({ message: f.string(), progress: f.optional(f.integer({ minimum: 0 })) })
 */
export function object<Properties extends Shape>(properties: Properties): z.ZodObject<Properties, z.core.$strip> {
  return newObject({ shape: properties });
}

/** An object with only these properties. */
export function strictObject<Properties extends Shape>(properties: Properties): z.ZodObject<Properties, z.core.$strict> {
  return newObject({ shape: properties, catchall: never() });
}

/** An object whose other properties have one schema. */
export function objectWith<Properties extends Shape, Others extends Schema>(
  properties: Properties,
  others: Others,
): z.ZodObject<Properties, WithOthers<Properties, Others>> {
  return newObject({ shape: properties, catchall: others });
}

/** A value of the schema, or `undefined`: a property that may be absent. */
export function optional<Inner extends Schema>(schema: Inner): z.ZodOptional<Inner> {
  return newOptional({ innerType: schema });
}

/** A value of the schema, or `null`. */
export function nullable<Inner extends Schema>(schema: Inner): z.ZodNullable<Inner> {
  return newNullable({ innerType: schema });
}

/** A value that at least one alternative accepts. The first that does determines the output. */
export function anyOf<const Alternatives extends readonly Schema[]>(alternatives: Alternatives): z.ZodUnion<Alternatives> {
  return newAnyOf({ options: alternatives });
}

/** A value that exactly one alternative accepts. */
export function oneOf<const Alternatives extends readonly Schema[]>(alternatives: Alternatives): z.ZodUnion<Alternatives> {
  return newOneOf({ options: alternatives });
}

/**
 * An object whose own string property `tag` selects the case.
 *
 * @example
 * f.tagged("kind", { created: CreatedSchema, deleted: DeletedSchema })
 */
export function tagged<const Tag extends string, Each extends Cases>(
  tag: Tag,
  cases: Each,
): z.ZodType<z.output<Each[keyof Each]>, z.input<Each[keyof Each]>> {
  return newTagged({ options: Object.values(cases), tag, cases, isOpen: false });
}

/** Like {@link tagged}, but objects with another tag are accepted unchanged. */
export function openTagged<const Tag extends string, Each extends Cases>(
  tag: Tag,
  cases: Each,
): z.ZodType<z.output<Each[keyof Each]> | UnknownCase<Tag>, z.input<Each[keyof Each]> | UnknownCase<Tag>> {
  return newTagged({ options: Object.values(cases), tag, cases, isOpen: true });
}

/** A schema that is created on first use, so that types can be recursive. */
export function lazy<Inner extends Schema>(schema: () => Inner): z.ZodLazy<Inner> {
  return newLazy({ getter: schema });
}

/**
 * A value that `rules` accept, read by `shape`. The rules apply to the input, and express what shapes
 * cannot: `not`, `contains`, `if`, `patternProperties`, `unevaluatedProperties`, …
 *
 * @example
 * f.checked(f.array(f.string()), { items: { type: "string" }, uniqueItems: true })
 */
export function checked<Shaped extends Schema>(shape: Shaped, rules: Rules): z.ZodType<z.output<Shaped>, z.input<Shaped>> {
  return newChecked({ getter: () => shape, rules });
}

/**
 * A whole payload from the wire. Parts that the schema ignores must conform to the wire profile, too: at
 * most 127 levels of nesting, finite numbers, no lone surrogates.
 *
 * @example
 * topics: { status: { payload: f.payload(StatusSchema) } }
 */
export function payload<Inner extends Schema>(schema: Inner): z.ZodType<z.output<Inner>, z.input<Inner>> {
  return newPayload({ getter: () => schema });
}
