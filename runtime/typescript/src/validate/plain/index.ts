/**
 * Validators without zod, for generated channels. They accept and reject the same values as `fanfare/zod`, with the same
 * issues, and implement [Standard Schema](https://standardschema.dev).
 *
 * Generated code states the types of objects, arrays and unions, which are therefore not inferred here.
 *
 * @example
 * import * as f from "fanfare/validators";
 *
 * interface Status { message: string; progress?: number | undefined }
 * const Status: f.Validator<Status> = f.object({ message: f.string({ minLength: 1 }), progress: f.optional(f.int({ maximum: 100 })) });
 *
 * @module
 */

import * as create from "../create.js";
import type { Rules } from "../rules/rules.js";
import type { ArrayLimits } from "../schema/arrays.js";
import type { IntegerLimits, NumberLimits } from "../schema/number.js";
import type { StringLimits } from "../schema/text.js";
import type { StandardSchema } from "../standard-schema.js";
import { define, definitionOf } from "./schema.js";

export { automaton, type Automaton } from "../schema/automaton.js";
export type { FormatName, Rules, RulesObject } from "../rules/rules.js";
export type { ArrayLimits } from "../schema/arrays.js";
export { date, dateTime, email, type Format, hostname, ipv4, ipv6, time, uri, uuid } from "../schema/formats.js";
export type { IntegerLimits, NumberLimits } from "../schema/number.js";
export type { StringLimits } from "../schema/text.js";

/** Validates values. Without {@link Wire}, the input has the type of the output. */
export interface Validator<Output, Input = Output> extends StandardSchema<Input, Output> {}

/** A type as it is in JSON: 64-bit integers are strings. */
export type Wire<Type> = Type extends bigint ? string : Type extends object ? { [Name in keyof Type]: Wire<Type[Name]> } : Type;

type Schema = Validator<any, any>;
type Shape = Readonly<Record<string, Schema>>;

/**
 * A string of Unicode text, without lone surrogates. Lengths count code points.
 *
 * @example
 * f.string({ minLength: 1, maxLength: 200, pattern: "^[a-z]+$", format: f.email })
 */
export const string: (limits?: StringLimits) => Validator<string> = /* @__PURE__ */ create.string(define);

/** An integer within ±(2^53 − 1). `1.0` is an integer. */
export const int: (limits?: IntegerLimits) => Validator<number> = /* @__PURE__ */ create.int(define);

/** A finite number. `-0` becomes 0. `multipleOf` is exact for decimals. */
export const number: (limits?: NumberLimits) => Validator<number> = /* @__PURE__ */ create.number(define);

/** A signed 64-bit integer: a decimal string in JSON, a `bigint` here. */
export const int64: () => Validator<bigint, string> = /* @__PURE__ */ create.int64(define);

/** An unsigned 64-bit integer: a decimal string in JSON, a `bigint` here. */
export const uint64: () => Validator<bigint, string> = /* @__PURE__ */ create.uint64(define);

/** `true` or `false`. */
export const boolean: () => Validator<boolean> = /* @__PURE__ */ create.boolean(define);

/** `null`. */
const _null: () => Validator<null> = /* @__PURE__ */ create.nullValue(define);
export { _null as null };

/** Accepts no value. */
export const never: () => Validator<never> = /* @__PURE__ */ create.never(define);

/** Any JSON value: not `undefined`, infinite numbers, lone surrogates or class instances. */
export const json: () => Validator<unknown> = /* @__PURE__ */ create.json(define);

/** One of several strings. */
const _enum: <const Name extends string>(names: readonly Name[]) => Validator<Name> = /* @__PURE__ */ create.enumOf(define);
export { _enum as enum };

/** Any string. The type lists the known ones. */
export const openEnum: <const Name extends string>(names: readonly Name[]) => Validator<Name | (string & {})> =
  /* @__PURE__ */ create.openEnum(string);

/** One of these JSON values, compared deeply. */
export const literals: <const Value>(values: readonly Value[]) => Validator<Value> = /* @__PURE__ */ create.literals(define, define);

/** This JSON value, compared deeply. An array is one value; {@link literals} takes several. */
export const literal: <const Value>(value: Value) => Validator<Value> = /* @__PURE__ */ create.literal(literals);

/** An array whose items have one schema. */
export const array: (item: Schema, limits?: ArrayLimits) => Schema = /* @__PURE__ */ create.array(define);

/** An array that begins with these items. Without `rest` it has no others. */
export const tuple: (items: readonly Schema[], rest?: Schema) => Schema = /* @__PURE__ */ create.tuple(define);

/** An object whose values have one schema. Any name is allowed. `prefixes` only describes the type. */
export const record: (value: Schema, prefixes?: readonly string[]) => Schema = /* @__PURE__ */ create.record(define, string);

/**
 * An object. Properties that it does not declare are accepted and left out of the output.
 *
 * @example
 * f.object({ message: f.string(), progress: f.optional(f.int({ minimum: 0 })) })
 */
export const object: (properties: Shape) => Schema = /* @__PURE__ */ create.object(define);

/** An object with only these properties. */
export const strictObject: (properties: Shape) => Schema = /* @__PURE__ */ create.strictObject(define, never);

/** The object, whose other properties have one schema. `prefixes` only describes the type. */
export const catchall: (object: Schema, others: Schema, prefixes?: readonly string[]) => Schema = /* @__PURE__ */ create.catchall(
  define,
  definitionOf,
);

/** A value of the schema, or `undefined`: a property that may be absent. */
export const optional: <Output, Input>(schema: Validator<Output, Input>) => Validator<Output | undefined, Input | undefined> =
  /* @__PURE__ */ create.optional(define);

/** A value of the schema, or `null`. */
export const nullable: <Output, Input>(schema: Validator<Output, Input>) => Validator<Output | null, Input | null> =
  /* @__PURE__ */ create.nullable(define);

/** A value that at least one alternative accepts. The first that does determines the output. */
export const union: (alternatives: readonly Schema[]) => Schema = /* @__PURE__ */ create.union(define);

/** A value that exactly one alternative accepts. */
export const xor: (alternatives: readonly Schema[]) => Schema = /* @__PURE__ */ create.xor(define);

/**
 * An object whose own string property `discriminator` selects the case.
 *
 * @example
 * f.discriminatedUnion("kind", { created: CreatedSchema, deleted: DeletedSchema })
 */
export const discriminatedUnion: (discriminator: string, cases: Shape) => Schema = /* @__PURE__ */ create.discriminatedUnion(define);

/** Like {@link discriminatedUnion}, but objects with another discriminator are accepted unchanged. */
export const openDiscriminatedUnion: (discriminator: string, cases: Shape) => Schema =
  /* @__PURE__ */ create.openDiscriminatedUnion(define);

/** A schema that is created on first use, so that types can be recursive. */
export const lazy: <Output, Input>(schema: () => Validator<Output, Input>) => Validator<Output, Input> =
  /* @__PURE__ */ create.lazy(define);

/**
 * A value that `rules` accept, read by `shape`. The rules apply to the input, and express what shapes
 * cannot: `not`, `contains`, `if`, `patternProperties`, `unevaluatedProperties`, …
 *
 * @example
 * f.checked(f.array(f.string()), { items: { type: "string" }, uniqueItems: true })
 */
export const checked: <Output, Input>(shape: Validator<Output, Input>, rules: Rules) => Validator<Output, Input> =
  /* @__PURE__ */ create.checked(define);

/** A value of a schema's type that validation leaves as it is. Only for use in `checked`, whose rules decide. */
export const unchanged: <Output, Input>(schema: Validator<Output, Input>) => Validator<Output, Input> =
  /* @__PURE__ */ create.unchanged(define);

/**
 * A whole payload from the wire. Parts that the schema ignores must conform to the wire profile, too: at
 * most 127 levels of nesting, finite numbers, no lone surrogates.
 *
 * @example
 * topics: { status: { payload: f.payload(StatusSchema) } }
 */
export const payload: <Output, Input>(schema: Validator<Output, Input>) => Validator<Output, Input> =
  /* @__PURE__ */ create.payload(define);
