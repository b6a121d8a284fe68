/** Types that `fanfare/zod` and `fanfare/zod-mini` share. */

import type * as core from "zod/v4/core";

/** Any JSON value. */
export type Json = unknown;

/**
 * Adds an index signature, which must include the types of the declared properties that it covers. It covers all names,
 * or those with a prefix.
 */
export interface WithOthers<Properties extends core.$ZodShape, Others extends core.SomeType, Prefix extends string> {
  out: Record<Covered<Prefix>, core.output<Others> | core.output<Properties[keyof Properties & Covered<Prefix>]>>;
  in: Record<Covered<Prefix>, core.input<Others> | core.input<Properties[keyof Properties & Covered<Prefix>]>>;
}

/** The names that start with one of the prefixes. */
export type Covered<Prefix extends string> = string extends Prefix ? string : `${Prefix}${string}`;

/** The type of a literal without the inferred `readonly`. */
export type Mutable<Value> = Value extends string | number | boolean | null
  ? Value
  : { -readonly [Key in keyof Value]: Mutable<Value[Key]> };

/** The cases of a tagged union, by tag. */
export type Cases = Readonly<Record<string, core.SomeType>>;

/** The unknown case of an open tagged union. */
export type UnknownCase<Tag extends string> = { [Name in Tag]: string & {} } & { [name: string]: unknown };

/** Any string, with known ones for completion. */
export type Open<Name extends string> = Name | (string & {});
