/** The readers of each kind of schema. `zod` and `zod/mini` share them. */

import type * as core from "zod/v4/core";

import { checked as checkedReader } from "../rules/checked.js";
import type { Rules } from "../rules/rules.js";
import * as arrays from "../schema/arrays.js";
import { json as anyJson } from "../schema/json.js";
import * as constants from "../schema/literals.js";
import * as numbers from "../schema/number.js";
import * as objects from "../schema/objects.js";
import type { Reader } from "../schema/report.js";
import * as texts from "../schema/text.js";
import * as unions from "../schema/unions.js";
import { type Internals, type Kind, readerOf, substitutes } from "./class.js";

type Schema = core.SomeType;

/** Returns a kind whose reader does not depend on a definition. */
function constantKind(type: string, reader: Reader, jsonSchema?: Record<string, unknown>): Kind<object> {
  return {
    type,
    read: () => reader,
    ...(jsonSchema && { describe: (internals: Internals) => void (internals.toJSONSchema = () => jsonSchema) }),
  };
}

export const boolean = constantKind("boolean", constants.boolean);
export const nullValue = constantKind("null", constants.nullValue);
export const never = constantKind("never", constants.never);
export const json = constantKind("json", anyJson, {});
export const int64 = constantKind("int64", numbers.int64, { type: "string", format: "int64" });
export const uint64 = constantKind("uint64", numbers.uint64, { type: "string", format: "uint64" });

export const string: Kind<{ limits: texts.StringLimits }> = {
  type: "string",
  read: ({ limits }) => texts.string(limits),
  describe: ({ bag }, { limits: { minLength, maxLength, pattern, format } }) => {
    Object.assign(bag, minLength !== undefined && { minimum: minLength }, maxLength !== undefined && { maximum: maxLength });
    Object.assign(bag, pattern !== undefined && { patterns: new Set([texts.regularExpression(pattern)]) }, format && { format });
  },
};

export const int: Kind<{ limits: numbers.IntegerLimits }> = {
  type: "number",
  read: ({ limits }) => numbers.int(limits),
  describe: ({ bag }, { limits }) => void Object.assign(bag, numbers.clampToSafe(limits), { format: "safeint" }),
};

export const number: Kind<{ limits: numbers.NumberLimits }> = {
  type: "number",
  read: ({ limits }) => numbers.number(limits),
  describe: ({ bag }, { limits }) => void Object.assign(bag, limits),
};

export const literals: Kind<{ values: readonly unknown[] }> = {
  type: "literal",
  read: ({ values }) => constants.literals(values),
};

export const enumOf: Kind<{ entries: Readonly<Record<string, string>> }> = {
  type: "enum",
  read: ({ entries }) => constants.enumOf(Object.values(entries)),
};

export const array: Kind<{ element: Schema; limits: arrays.ArrayLimits }> = {
  type: "array",
  read: ({ element, limits }) => arrays.array(readerOf(element), limits),
  describe: ({ bag }, { limits: { minItems, maxItems } }) => {
    Object.assign(bag, minItems !== undefined && { minimum: minItems }, maxItems !== undefined && { maximum: maxItems });
  },
};

export const tuple: Kind<{ items: readonly Schema[]; rest: Schema | null }> = {
  type: "tuple",
  read: ({ items, rest }) => {
    const readers = items.map(readerOf);
    const optional = items.findIndex(({ _zod }) => _zod.optin === "optional");
    if (rest === null && optional === -1) {
      return arrays.tuple(readers);
    }
    const required = optional === -1 ? items.length : optional;
    return arrays.openTuple(readers, rest === null ? undefined : readerOf(rest), required);
  },
};

export const record: Kind<{ keyType: Schema; valueType: Schema }> = {
  type: "record",
  read: ({ valueType }) => objects.record(readerOf(valueType)),
};

export const object: Kind<{ shape: core.$ZodShape; catchall?: Schema | undefined }> = {
  type: "object",
  read: ({ shape, catchall }) =>
    objects.object(
      Object.entries(shape).map(([name, schema]) => property(name, schema)),
      catchall === undefined ? "dropped" : catchall._zod.def.type === "never" ? "rejected" : readerOf(catchall),
    ),
};

function property(name: string, schema: Schema): objects.Property {
  const read = readerOf(schema);
  if (!substitutes(schema)) {
    return { name, read, absent: "rejected" };
  }
  // A schema that is optional in input and output substitutes nothing.
  const { optin, optout } = schema._zod;
  return { name, read, absent: optin === "optional" && optout === "optional" ? "accepted" : read };
}

export const optional: Kind<{ innerType: Schema }> = {
  type: "optional",
  read: ({ innerType }) => (substitutes(innerType) ? undefined : unions.optional(readerOf(innerType))),
};

export const nullable: Kind<{ innerType: Schema }> = {
  type: "nullable",
  read: ({ innerType }) => unions.nullable(readerOf(innerType)),
};

export const union: Kind<{ options: readonly Schema[] }> = {
  type: "union",
  read: ({ options }) => unions.union(options.map(readerOf)),
};

export const xor: Kind<{ options: readonly Schema[] }> = {
  type: "union",
  read: ({ options }) => unions.xor(options.map(readerOf)),
};

export const discriminatedUnion: Kind<{ options: readonly Schema[]; tag: string; cases: Readonly<Record<string, Schema>>; isOpen: boolean }> = {
  type: "union",
  read: ({ tag, cases, isOpen }) =>
    unions.discriminatedUnion(tag, new Map(Object.entries(cases).map(([name, schema]) => [name, readerOf(schema)])), isOpen),
};

/** The definition of a schema around another one. For zod, all of these are lazy. */
interface Wrapper {
  getter: () => Schema;
}

export const lazy: Kind<Wrapper> = {
  type: "lazy",
  read: ({ getter }) => unions.lazy(() => readerOf(getter())),
};

/** The value stays as it is: other rules decide whether it is valid, and Rust keeps it as JSON, too. */
export const unchanged: Kind<Wrapper> = {
  type: "lazy",
  read: () => anyJson,
};

export const payload: Kind<Wrapper> = {
  type: "lazy",
  read: ({ getter }) => unions.payload(readerOf(getter())),
};

export const checked: Kind<Wrapper & { rules: Rules }> = {
  type: "lazy",
  read: ({ getter, rules }) => checkedReader(readerOf(getter()), rules),
};
