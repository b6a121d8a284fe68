/**
 * The zod schemas that generated validators consist of. They give the same verdict as Rust on every JSON
 * value, and are much faster than zod's own.
 *
 * Each function returns a zod schema that can be extended, picked from and composed like any other, but
 * reads values differently: own keys only, `__proto__` as an ordinary name, lengths in code points, exact
 * decimals, one grammar per format, and without `eval`. Values that need not change are not copied, so
 * the output of a parse may be its input. Functions that zod has, too, have zod's names; their limits are
 * keywords of JSON Schema. `fanfare/zod-mini` has the same functions for pages that use `zod/mini`.
 *
 * @example
 * import * as z from "zod";
 * import * as f from "fanfare/zod";
 *
 * const Status = f.object({ message: f.string({ minLength: 1 }), progress: f.optional(f.int({ maximum: 100 })) });
 * const WithNote = Status.extend({ note: z.string() });
 *
 * @module
 */

import * as z from "zod";

import type { Rules } from "../rules/rules.js";
import type { ArrayLimits } from "../schema/arrays.js";
import type { IntegerLimits, NumberLimits } from "../schema/number.js";
import type { StringLimits } from "../schema/text.js";
import type { Cases, Covered, Json, Mutable, Open, UnknownCase, WithOthers } from "./types.js";
import * as create from "../create.js";
import { definitionOf, subclassOf } from "./class.js";

export { automaton, type Automaton } from "../schema/automaton.js";
export { issues, type Issue } from "./issues.js";
export type { FormatName, Rules, RulesObject } from "../rules/rules.js";
export type { ArrayLimits } from "../schema/arrays.js";
export { date, dateTime, email, type Format, hostname, ipv4, ipv6, time, uri, uuid } from "../schema/formats.js";
export type { IntegerLimits, NumberLimits } from "../schema/number.js";
export type { StringLimits } from "../schema/text.js";
export type { Json, UnknownCase } from "./types.js";

type Schema = z.core.SomeType;

/** A schema with the types of another one. */
export type Like<Other extends Schema> = z.ZodType<z.output<Other>, z.input<Other>>;

/** An object whose other properties, or those with a prefix, have one schema. */
export type OpenObject<Properties extends z.core.$ZodShape, Others extends Schema, Prefix extends string> = z.ZodObject<
  Properties,
  WithOthers<Properties, Others, Prefix>
>;

type Shape = z.core.$ZodShape;

/**
 * A string of Unicode text, without lone surrogates. Lengths count code points.
 *
 * @example
 * f.string({ minLength: 1, maxLength: 200, pattern: "^[a-z]+$", format: f.email })
 */
export const string: (limits?: StringLimits) => z.ZodString = /* @__PURE__ */ create.string(/* @__PURE__ */ subclassOf(z.ZodString));

/**
 * An integer that every JSON runtime represents exactly, that is, within ±(2^53 − 1). `1.0` is an
 * integer.
 *
 * @example
 * f.int({ minimum: 0, maximum: 100 })
 */
export const int: (limits?: IntegerLimits) => z.ZodNumber = /* @__PURE__ */ create.int(/* @__PURE__ */ subclassOf(z.ZodNumber));

/** A finite number. `-0` becomes 0. `multipleOf` is exact for decimals. */
export const number: (limits?: NumberLimits) => z.ZodNumber = /* @__PURE__ */ create.number(/* @__PURE__ */ subclassOf(z.ZodNumber));

/** A signed 64-bit integer: a decimal string in JSON, a `bigint` here. */
export const int64: () => z.ZodType<bigint, string> = /* @__PURE__ */ create.int64(/* @__PURE__ */ subclassOf(z.ZodType));

/** An unsigned 64-bit integer: a decimal string in JSON, a `bigint` here. */
export const uint64: () => z.ZodType<bigint, string> = /* @__PURE__ */ create.uint64(/* @__PURE__ */ subclassOf(z.ZodType));

/** `true` or `false`. */
export const boolean: () => z.ZodBoolean = /* @__PURE__ */ create.boolean(/* @__PURE__ */ subclassOf(z.ZodBoolean));

/** `null`. */
const _null: () => z.ZodNull = /* @__PURE__ */ create.nullValue(/* @__PURE__ */ subclassOf(z.ZodNull));
export { _null as null };

/** Accepts no value. */
export const never: () => z.ZodNever = /* @__PURE__ */ create.never(/* @__PURE__ */ subclassOf(z.ZodNever));

/** Any JSON value: not `undefined`, infinite numbers, lone surrogates or class instances. */
export const json: () => z.ZodType<Json, Json> = /* @__PURE__ */ create.json(/* @__PURE__ */ subclassOf(z.ZodType));

/** One of several strings. */
const _enum: <const Names extends readonly string[]>(
  names: Names,
) => z.ZodEnum<{ [Name in Names[number]]: Name }> = /* @__PURE__ */ create.enumOf(/* @__PURE__ */ subclassOf(z.ZodEnum));
export { _enum as enum };

/** Any string. The type lists the known ones. */
export const openEnum: <const Names extends readonly string[]>(
  names: Names,
) => z.ZodType<Open<Names[number]>, Open<Names[number]>> = /* @__PURE__ */ create.openEnum(string);

/** One of these JSON values, compared deeply. */
export const literals: <const Values extends readonly unknown[]>(
  values: Values,
) => z.ZodType<Mutable<Values[number]>, Mutable<Values[number]>> = /* @__PURE__ */ create.literals(/* @__PURE__ */ subclassOf(z.ZodLiteral), /* @__PURE__ */ subclassOf(z.ZodType));

/**
 * This JSON value, compared deeply. Unlike in zod, an array is one value; {@link literals} takes several.
 */
export const literal: <const Value>(
  value: Value,
) => z.ZodType<Mutable<Value>, Mutable<Value>> = /* @__PURE__ */ create.literal(literals);

/** An array whose items have one schema. */
export const array: <Item extends Schema>(item: Item, limits?: ArrayLimits) => z.ZodArray<Item> =
  /* @__PURE__ */ create.array(/* @__PURE__ */ subclassOf(z.ZodArray));

/** An array that begins with these items. Without `rest` it has no others. */
export const tuple: <const Items extends readonly [] | readonly Schema[], Rest extends Schema | null = null>(
  items: Items,
  rest?: Rest,
) => z.ZodTuple<Items, Rest> =
  /* @__PURE__ */ create.tuple(/* @__PURE__ */ subclassOf(z.ZodTuple));

/**
 * An object whose values have one schema. Any name is allowed, including `__proto__`. If rules refuse all other names
 * than those with certain prefixes, the prefixes narrow the type. They are not checked here.
 */
export const record: <Value extends Schema, const Prefix extends string = string>(
  value: Value,
  prefixes?: readonly Prefix[],
) => z.ZodRecord<string extends Prefix ? z.ZodString : z.ZodType<Covered<Prefix>, Covered<Prefix>>, Value> =
  /* @__PURE__ */ create.record(/* @__PURE__ */ subclassOf(z.ZodRecord), string);

/**
 * An object. Properties that it does not declare are accepted and left out of the output.
 *
 * @example
 * f.object({ message: f.string(), progress: f.optional(f.int({ minimum: 0 })) })
 */
export const object: <Properties extends Shape>(properties: Properties) => z.ZodObject<Properties, z.core.$strip> =
  /* @__PURE__ */ create.object(/* @__PURE__ */ subclassOf(z.ZodObject));

/** An object with only these properties. */
export const strictObject: <Properties extends Shape>(
  properties: Properties,
) => z.ZodObject<Properties, z.core.$strict> = /* @__PURE__ */ create.strictObject(/* @__PURE__ */ subclassOf(z.ZodObject), never);

/**
 * The object, whose other properties have one schema. If rules refuse all other names than those with certain prefixes,
 * the prefixes narrow the type. They are not checked here.
 *
 * @example
 * f.catchall(f.object({ id: f.int() }), f.string())
 */
export const catchall: <Base extends z.ZodObject, Others extends Schema, const Prefix extends string = string>(
  object: Base,
  others: Others,
  prefixes?: readonly Prefix[],
) => OpenObject<Base["shape"], Others, Prefix> = /* @__PURE__ */ create.catchall(/* @__PURE__ */ subclassOf(z.ZodObject), definitionOf);

/** A value of the schema, or `undefined`: a property that may be absent. */
export const optional: <Inner extends Schema>(schema: Inner) => z.ZodOptional<Inner> =
  /* @__PURE__ */ create.optional(/* @__PURE__ */ subclassOf(z.ZodOptional));

/** A value of the schema, or `null`. */
export const nullable: <Inner extends Schema>(schema: Inner) => z.ZodNullable<Inner> =
  /* @__PURE__ */ create.nullable(/* @__PURE__ */ subclassOf(z.ZodNullable));

/** A value that at least one alternative accepts. The first that does determines the output. */
export const union: <const Alternatives extends readonly Schema[]>(
  alternatives: Alternatives,
) => z.ZodUnion<Alternatives> = /* @__PURE__ */ create.union(/* @__PURE__ */ subclassOf(z.ZodUnion));

/** A value that exactly one alternative accepts. */
export const xor: <const Alternatives extends readonly Schema[]>(
  alternatives: Alternatives,
) => z.ZodUnion<Alternatives> = /* @__PURE__ */ create.xor(/* @__PURE__ */ subclassOf(z.ZodUnion));

/**
 * An object whose own string property `discriminator` selects the case. Unlike in zod, the cases are named,
 * as recursive schemas cannot be inspected for their discriminators.
 *
 * @example
 * f.discriminatedUnion("kind", { created: CreatedSchema, deleted: DeletedSchema })
 */
export const discriminatedUnion: <const Discriminator extends string, Each extends Cases>(
  discriminator: Discriminator,
  cases: Each,
) => z.ZodType<z.output<Each[keyof Each]>, z.input<Each[keyof Each]>> =
  /* @__PURE__ */ create.discriminatedUnion(/* @__PURE__ */ subclassOf(z.ZodUnion));

/** Like {@link discriminatedUnion}, but objects with another discriminator are accepted unchanged. */
export const openDiscriminatedUnion: <const Discriminator extends string, Each extends Cases>(
  discriminator: Discriminator,
  cases: Each,
) => z.ZodType<
  z.output<Each[keyof Each]> | UnknownCase<Discriminator>,
  z.input<Each[keyof Each]> | UnknownCase<Discriminator>
> = /* @__PURE__ */ create.openDiscriminatedUnion(/* @__PURE__ */ subclassOf(z.ZodUnion));

/** A schema that is created on first use, so that types can be recursive. */
export const lazy: <Inner extends Schema>(schema: () => Inner) => z.ZodLazy<Inner> =
  /* @__PURE__ */ create.lazy(/* @__PURE__ */ subclassOf(z.ZodLazy));

/**
 * A value that `rules` accept, read by `shape`. The rules apply to the input, and express what shapes
 * cannot: `not`, `contains`, `if`, `patternProperties`, `unevaluatedProperties`, …
 *
 * @example
 * f.checked(f.array(f.string()), { items: { type: "string" }, uniqueItems: true })
 */
export const checked: <Shaped extends Schema>(shape: Shaped, rules: Rules) => Like<Shaped> =
  /* @__PURE__ */ create.checked(/* @__PURE__ */ subclassOf(z.ZodLazy));

/** A value of a schema's type that validation leaves as it is. Only for use in `checked`, whose rules decide. */
export const unchanged: <Inner extends Schema>(schema: Inner) => Like<Inner> =
  /* @__PURE__ */ create.unchanged(/* @__PURE__ */ subclassOf(z.ZodLazy));

/**
 * A whole payload from the wire. Parts that the schema ignores must conform to the wire profile, too: at
 * most 127 levels of nesting, finite numbers, no lone surrogates.
 *
 * @example
 * topics: { status: { payload: f.payload(StatusSchema) } }
 */
export const payload: <Inner extends Schema>(schema: Inner) => Like<Inner> =
  /* @__PURE__ */ create.payload(/* @__PURE__ */ subclassOf(z.ZodLazy));
