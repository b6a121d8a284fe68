/** Types that the validators of `zod` and `zod/mini` share. */

import type * as core from "zod/v4/core";

/** Any JSON value. */
export type Json = unknown;

/** An index signature speaks of the declared properties too. */
export interface WithOthers<Properties extends core.$ZodShape, Others extends core.SomeType> {
  out: Record<string, core.output<Others> | core.output<Properties[keyof Properties]>>;
  in: Record<string, core.input<Others> | core.input<Properties[keyof Properties]>>;
}

/** What a literal's type is without the `readonly` that inferring it brings. */
export type Mutable<Value> = Value extends string | number | boolean | null
  ? Value
  : { -readonly [Key in keyof Value]: Mutable<Value[Key]> };

/** The cases of a tagged union, by tag. */
export type Cases = Readonly<Record<string, core.SomeType>>;

/** What an open tagged union makes of a tag that it does not know. */
export type UnknownCase<Tag extends string> = { [Name in Tag]: string & {} } & { [name: string]: unknown };

/** Some strings that are known, and all others. */
export type Open<Name extends string> = Name | (string & {});
