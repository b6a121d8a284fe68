/** Values without limits: booleans, `null`, literals, enums and any JSON. */

import * as z from "zod";

import { exact } from "./exact.js";
import { listed, mustBe, refuse } from "./issue.js";
import { breach } from "./profile.js";
import { string } from "./string.js";

/** Any JSON value. */
export type Json = unknown;

type Primitive = string | number | boolean | null;

/** Any JSON value: no `undefined`, no infinite number, no lone surrogate, no class of its own. */
export function json(): z.ZodType<Json, Json> {
  return exactJson({ type: "json" }, undefined);
}

const exactJson = exact<z.ZodType<Json, Json>, undefined>("Json", z.ZodType, (_rules, _base, schema) => {
  schema._zod.toJSONSchema = () => ({});
  return (payload) => {
    const found = breach(payload.value);
    if (found) {
      refuse(payload, found.rule, found.message, found.path);
    }
    return payload;
  };
});

/** `true` or `false`. */
export function boolean(): z.ZodBoolean {
  return z.boolean({ error: mustBe("a boolean") });
}

/** `null`. */
export function nil(): z.ZodNull {
  return z.null({ error: mustBe("null") });
}

/** No value at all. */
export function never(): z.ZodNever {
  return z.never({ error: "is not allowed" });
}

/** A schema that is looked up when it is first used, so that types may contain themselves. */
export function lazy<Schema extends z.core.SomeType>(schema: () => Schema): z.ZodLazy<Schema> {
  return z.lazy(schema);
}

/** One of a few strings. */
export function enums<const Names extends readonly string[]>(names: Names): z.ZodEnum<{ [Name in Names[number]]: Name }> {
  return z.enum(names as unknown as string[], { error: oneOfWords(names) }) as unknown as z.ZodEnum<{ [Name in Names[number]]: Name }>;
}

/** Any string; the ones that are known today are named in its type. */
export function openEnum<const Names extends readonly string[]>(
  _names: Names,
): z.ZodType<Names[number] | (string & {}), Names[number] | (string & {})> {
  return string();
}

/** Exactly this JSON value, compared deeply. */
export function literal<const Value>(value: Value): z.ZodType<Mutable<Value>, Mutable<Value>> {
  return literals([value]) as z.ZodType<Mutable<Value>, Mutable<Value>>;
}

/** One of these JSON values, compared deeply. */
export function literals<const Values extends readonly unknown[]>(
  values: Values,
): z.ZodType<Mutable<Values[number]>, Mutable<Values[number]>> {
  if (values.every((value) => isPrimitive(value))) {
    return z.literal(values, { error: oneOfWords(values) }) as unknown as z.ZodType<Mutable<Values[number]>, Mutable<Values[number]>>;
  }
  return exactLiterals({ type: "literal", values }, values) as z.ZodType<Mutable<Values[number]>, Mutable<Values[number]>>;
}

const exactLiterals = exact<z.ZodType, readonly unknown[]>("Literals", z.ZodType, (values) => (payload) => {
  if (!values.some((value) => equal(value, payload.value))) {
    refuse(payload, values.length === 1 ? "const" : "enum", payload.value === undefined ? "is required" : listed(values));
  }
  return payload;
});

/** Whether two JSON values are equal: objects in any order, own keys only. */
export function equal(left: unknown, right: unknown): boolean {
  if (left === right) {
    return true;
  }
  if (!isObjectOrArray(left) || !isObjectOrArray(right) || Array.isArray(left) !== Array.isArray(right)) {
    return false;
  }
  const names = Object.keys(left);
  return (
    names.length === Object.keys(right).length &&
    names.every((name) => Object.hasOwn(right, name) && equal(left[name], right[name]))
  );
}

function isObjectOrArray(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function isPrimitive(value: unknown): value is Primitive {
  return !isObjectOrArray(value);
}

function oneOfWords(choices: readonly unknown[]): (issue: { readonly input?: unknown }) => string {
  return (issue) => (issue.input === undefined ? "is required" : listed(choices));
}

/** What a literal's type is without the `readonly` that inferring it brings. */
type Mutable<Value> = Value extends Primitive ? Value : { -readonly [Key in keyof Value]: Mutable<Value[Key]> };
