/** The kinds of schemas, with their readers. `fanfare/validators`, `fanfare/zod` and `fanfare/zod-mini` share them. */

import { identify } from "./identify.js";
import type { Access, Kind, Schema } from "./kind.js";
import { checked as checkedReader } from "./rules/checked.js";
import { namesOf } from "./rules/names.js";
import type { Rules } from "./rules/rules.js";
import * as arrays from "./schema/arrays.js";
import { json as anyJson } from "./schema/json.js";
import * as constants from "./schema/literals.js";
import * as numbers from "./schema/number.js";
import * as objects from "./schema/objects.js";
import type { Alternative, Reader } from "./schema/report.js";
import * as texts from "./schema/text.js";
import * as unions from "./schema/unions.js";

/** Returns a kind whose reader does not depend on a definition. */
function constantKind(type: string, reader: Reader): Kind<object> {
  return { type, read: () => reader };
}

export const boolean = /* @__PURE__ */ constantKind("boolean", constants.boolean);
export const nullValue = /* @__PURE__ */ constantKind("null", constants.nullValue);
export const never = /* @__PURE__ */ constantKind("never", constants.never);
export const json = /* @__PURE__ */ constantKind("json", anyJson);
export const int64 = /* @__PURE__ */ constantKind("int64", numbers.int64);
export const uint64 = /* @__PURE__ */ constantKind("uint64", numbers.uint64);

export const string: Kind<{ limits: texts.StringLimits }> = {
  type: "string",
  read: ({ limits }) => texts.string(limits),
};

export const int: Kind<{ limits: numbers.IntegerLimits }> = {
  type: "number",
  read: ({ limits }) => numbers.int(limits),
};

export const number: Kind<{ limits: numbers.NumberLimits }> = {
  type: "number",
  read: ({ limits }) => numbers.number(limits),
};

export const literals: Kind<{ values: readonly unknown[] }> = {
  type: "literal",
  read: ({ values }) => constants.literals(values),
};

/** `names` keeps the order that `entries` loses if a name is an integer. */
export const enumOf: Kind<{ names: readonly string[]; entries: Readonly<Record<string, string>> }> = {
  type: "enum",
  read: ({ names }) => constants.enumOf(names),
};

export const array: Kind<{ element: Schema; limits: arrays.ArrayLimits }> = {
  type: "array",
  read: ({ element, limits }, { readerOf }) => arrays.array(readerOf(element), limits),
};

export const tuple: Kind<{ items: readonly Schema[]; rest: Schema | null }> = {
  type: "tuple",
  read: ({ items, rest }, { readerOf, absenceOf }) => {
    const readers = items.map(readerOf);
    const optional = items.findIndex((item) => absenceOf(item) !== "required");
    if (rest === null && optional === -1) {
      return arrays.tuple(readers);
    }
    const required = optional === -1 ? items.length : optional;
    return arrays.openTuple(readers, rest === null ? undefined : readerOf(rest), required);
  },
};

export const record: Kind<{ keyType: Schema; valueType: Schema }> = {
  type: "record",
  read: ({ valueType }, { readerOf }) => objects.record(readerOf(valueType)),
};

type Shape = Readonly<Record<string, Schema>>;

export const object: Kind<{ shape: Shape; catchall?: Schema | undefined }> = {
  type: "object",
  read: ({ shape, catchall }, access) =>
    objects.object(
      Object.entries(shape).map(([name, schema]) => property(name, schema, access)),
      catchall === undefined ? "dropped" : access.isNever(catchall) ? "rejected" : access.readerOf(catchall),
    ),
};

function property(name: string, schema: Schema, { absenceOf, readerOf }: Access): objects.Property {
  const read = readerOf(schema);
  const absence = absenceOf(schema);
  return { name, read, absent: absence === "required" ? "rejected" : absence === "optional" ? "accepted" : read };
}

export const optional: Kind<{ innerType: Schema }> = {
  type: "optional",
  read: ({ innerType }, { absenceOf, readerOf }) =>
    absenceOf(innerType) === "required" ? unions.optional(readerOf(innerType)) : undefined,
};

export const nullable: Kind<{ innerType: Schema }> = {
  type: "nullable",
  read: ({ innerType }, { readerOf }) => unions.nullable(readerOf(innerType)),
};

function alternatives(options: readonly Schema[], access: Access): Alternative[] {
  return options.map((schema) => ({ read: access.readerOf(schema), names: (levels) => identify(schema, access).names(levels) }));
}

export const union: Kind<{ options: readonly Schema[] }> = {
  type: "union",
  read: ({ options }, access) => unions.union(alternatives(options, access)),
};

export const xor: Kind<{ options: readonly Schema[] }> = {
  type: "union",
  read: ({ options }, access) => unions.xor(alternatives(options, access)),
};

export const discriminatedUnion: Kind<{ options: readonly Schema[]; tag: string; cases: Readonly<Record<string, Schema>>; isOpen: boolean }> = {
  type: "union",
  read: ({ tag, cases, isOpen }, { readerOf }) =>
    unions.discriminatedUnion(tag, new Map(Object.entries(cases).map(([name, schema]) => [name, readerOf(schema)])), isOpen),
};

/** The definition of a schema around another one. For zod, all of these are lazy. */
interface Wrapper {
  getter: () => Schema;
}

export const lazy: Kind<Wrapper> = {
  type: "lazy",
  read: ({ getter }, { readerOf }) => unions.lazy(() => readerOf(getter())),
};

/** The value stays as it is: other rules decide whether it is valid, and Rust keeps it as JSON, too. */
export const unchanged: Kind<Wrapper> = {
  type: "lazy",
  read: () => anyJson,
};

export const payload: Kind<Wrapper> = {
  type: "lazy",
  read: ({ getter }, { readerOf }) => unions.payload(readerOf(getter())),
};

export const checked: Kind<Wrapper & { rules: Rules }> = {
  type: "lazy",
  getNames: ({ rules }) => (levels) => namesOf(rules, levels),
  read: ({ getter, rules }, { readerOf }) => checkedReader(readerOf(getter()), rules),
};
