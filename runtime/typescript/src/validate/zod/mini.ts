/**
 * The functions of `fanfare/zod` for pages that use `zod/mini`: the same names and verdicts, with classes
 * of `zod/mini`, so that the full `zod` is not loaded.
 *
 * @example
 * import * as z from "zod/mini";
 * import * as f from "fanfare/zod-mini";
 *
 * const Status = f.object({ message: f.string({ minLength: 1 }), progress: f.optional(f.integer({ maximum: 100 })) });
 * const WithNote = z.extend(Status, { note: z.string() });
 *
 * @module
 */

import * as z from "zod/mini";

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

const newString = /* @__PURE__ */ exact("String", z.ZodMiniString, kinds.string);
const newInteger = /* @__PURE__ */ exact("Integer", z.ZodMiniNumber, kinds.integer);
const newNumber = /* @__PURE__ */ exact("Number", z.ZodMiniNumber, kinds.number);
const newInt64 = /* @__PURE__ */ exact("Int64", z.ZodMiniType, kinds.int64);
const newUint64 = /* @__PURE__ */ exact("Uint64", z.ZodMiniType, kinds.uint64);
const newBoolean = /* @__PURE__ */ exact("Boolean", z.ZodMiniBoolean, kinds.boolean);
const newNil = /* @__PURE__ */ exact("Null", z.ZodMiniNull, kinds.nil);
const newNever = /* @__PURE__ */ exact("Never", z.ZodMiniNever, kinds.never);
const newJson = /* @__PURE__ */ exact("Json", z.ZodMiniType, kinds.json);
const newEnum = /* @__PURE__ */ exact("Enum", z.ZodMiniEnum, kinds.enums);
const newLiteral = /* @__PURE__ */ exact("Literal", z.ZodMiniLiteral, kinds.literals);
const newDeepLiteral = /* @__PURE__ */ exact("DeepLiteral", z.ZodMiniType, kinds.literals);
const newArray = /* @__PURE__ */ exact("Array", z.ZodMiniArray, kinds.array);
const newTuple = /* @__PURE__ */ exact("Tuple", z.ZodMiniTuple, kinds.tuple);
const newMap = /* @__PURE__ */ exact("Map", z.ZodMiniRecord, kinds.map);
const newObject = /* @__PURE__ */ exact("Object", z.ZodMiniObject, kinds.object);
const newOptional = /* @__PURE__ */ exact("Optional", z.ZodMiniOptional, kinds.optional);
const newNullable = /* @__PURE__ */ exact("Nullable", z.ZodMiniNullable, kinds.nullable);
const newAnyOf = /* @__PURE__ */ exact("AnyOf", z.ZodMiniUnion, kinds.anyOf);
const newOneOf = /* @__PURE__ */ exact("OneOf", z.ZodMiniUnion, kinds.oneOf);
const newTagged = /* @__PURE__ */ exact("Tagged", z.ZodMiniUnion, kinds.tagged);
const newLazy = /* @__PURE__ */ exact("Lazy", z.ZodMiniLazy, kinds.lazy);
const newPayload = /* @__PURE__ */ exact("Payload", z.ZodMiniLazy, kinds.payload);
const newChecked = /* @__PURE__ */ exact("Checked", z.ZodMiniLazy, kinds.withRules);

/** A string of Unicode text, without lone surrogates. Lengths count code points. */
export function string(limits: StringLimits = {}): z.ZodMiniString<string> {
  return newString({ limits });
}

/**
 * An integer that every JSON runtime represents exactly, that is, within ±(2^53 − 1). `1.0` is an
 * integer.
 */
export function integer(limits: IntegerLimits = {}): z.ZodMiniNumber<number> {
  return newInteger({ limits });
}

/** A finite number. `-0` becomes 0. `multipleOf` is exact for decimals. */
export function number(limits: NumberLimits = {}): z.ZodMiniNumber<number> {
  return newNumber({ limits });
}

/** A signed 64-bit integer: a decimal string in JSON, a `bigint` here. */
export function int64(): z.ZodMiniType<bigint, string> {
  return newInt64({});
}

/** An unsigned 64-bit integer: a decimal string in JSON, a `bigint` here. */
export function uint64(): z.ZodMiniType<bigint, string> {
  return newUint64({});
}

/** `true` or `false`. */
export function boolean(): z.ZodMiniBoolean<boolean> {
  return newBoolean({});
}

/** `null`. */
export function nil(): z.ZodMiniNull {
  return newNil({});
}

/** Accepts no value. */
export function never(): z.ZodMiniNever {
  return newNever({});
}

/** Any JSON value: not `undefined`, infinite numbers, lone surrogates or class instances. */
export function json(): z.ZodMiniType<Json, Json> {
  return newJson({});
}

/** One of several strings. */
export function enums<const Names extends readonly string[]>(names: Names): z.ZodMiniEnum<{ [Name in Names[number]]: Name }> {
  return newEnum({ entries: Object.fromEntries(names.map((name) => [name, name])) });
}

/** Any string. The type lists the known ones. */
export function openEnum<const Names extends readonly string[]>(_names: Names): z.ZodMiniType<Open<Names[number]>, Open<Names[number]>> {
  return string();
}

/** This JSON value, compared deeply. */
export function literal<const Value>(value: Value): z.ZodMiniType<Mutable<Value>, Mutable<Value>> {
  return literals([value]) as z.ZodMiniType<Mutable<Value>, Mutable<Value>>;
}

/** One of these JSON values, compared deeply. */
export function literals<const Values extends readonly unknown[]>(
  values: Values,
): z.ZodMiniType<Mutable<Values[number]>, Mutable<Values[number]>> {
  return (values.every(isPrimitive) ? newLiteral : newDeepLiteral)({ values });
}

/** An array whose items have one schema. */
export function array<Item extends Schema>(item: Item, limits: ArrayLimits = {}): z.ZodMiniArray<Item> {
  return newArray({ element: item, limits });
}

/** An array of exactly these items. */
export function tuple<const Items extends readonly [] | readonly Schema[]>(items: Items): z.ZodMiniTuple<Items, null> {
  return newTuple({ items, rest: null });
}

/** An object whose values have one schema. Any name is allowed, including `__proto__`. */
export function map<Value extends Schema>(value: Value): z.ZodMiniRecord<z.ZodMiniString<string>, Value> {
  return newMap({ keyType: string(), valueType: value });
}

/** An object. Properties that it does not declare are accepted and left out of the output. */
export function object<Properties extends Shape>(properties: Properties): z.ZodMiniObject<Properties, z.core.$strip> {
  return newObject({ shape: properties });
}

/** An object with only these properties. */
export function strictObject<Properties extends Shape>(properties: Properties): z.ZodMiniObject<Properties, z.core.$strict> {
  return newObject({ shape: properties, catchall: never() });
}

/** An object whose other properties have one schema. */
export function objectWith<Properties extends Shape, Others extends Schema>(
  properties: Properties,
  others: Others,
): z.ZodMiniObject<Properties, WithOthers<Properties, Others>> {
  return newObject({ shape: properties, catchall: others });
}

/** A value of the schema, or `undefined`: a property that may be absent. */
export function optional<Inner extends Schema>(schema: Inner): z.ZodMiniOptional<Inner> {
  return newOptional({ innerType: schema });
}

/** A value of the schema, or `null`. */
export function nullable<Inner extends Schema>(schema: Inner): z.ZodMiniNullable<Inner> {
  return newNullable({ innerType: schema });
}

/** A value that at least one alternative accepts. The first that does determines the output. */
export function anyOf<const Alternatives extends readonly Schema[]>(alternatives: Alternatives): z.ZodMiniUnion<Alternatives> {
  return newAnyOf({ options: alternatives });
}

/** A value that exactly one alternative accepts. */
export function oneOf<const Alternatives extends readonly Schema[]>(alternatives: Alternatives): z.ZodMiniUnion<Alternatives> {
  return newOneOf({ options: alternatives });
}

/** An object whose own string property `tag` selects the case. */
export function tagged<const Tag extends string, Each extends Cases>(
  tag: Tag,
  cases: Each,
): z.ZodMiniType<z.output<Each[keyof Each]>, z.input<Each[keyof Each]>> {
  return newTagged({ options: Object.values(cases), tag, cases, isOpen: false });
}

/** Like {@link tagged}, but objects with another tag are accepted unchanged. */
export function openTagged<const Tag extends string, Each extends Cases>(
  tag: Tag,
  cases: Each,
): z.ZodMiniType<z.output<Each[keyof Each]> | UnknownCase<Tag>, z.input<Each[keyof Each]> | UnknownCase<Tag>> {
  return newTagged({ options: Object.values(cases), tag, cases, isOpen: true });
}

/** A schema that is created on first use, so that types can be recursive. */
export function lazy<Inner extends Schema>(schema: () => Inner): z.ZodMiniLazy<Inner> {
  return newLazy({ getter: schema });
}

/** A value that `rules` accept, read by `shape`. The rules apply to the input. */
export function checked<Shaped extends Schema>(shape: Shaped, rules: Rules): z.ZodMiniType<z.output<Shaped>, z.input<Shaped>> {
  return newChecked({ getter: () => shape, rules });
}

/** A whole payload from the wire. Parts that the schema ignores must conform to the wire profile, too. */
export function payload<Inner extends Schema>(schema: Inner): z.ZodMiniType<z.output<Inner>, z.input<Inner>> {
  return newPayload({ getter: () => schema });
}
