/** The kinds of schemas, with their readers. `fanfare/validators`, `fanfare/zod` and `fanfare/zod-mini` share them. */

import { checked as checkedReader } from "./rules/checked.js";
import { namesOf } from "./rules/names.js";
import type { Rules } from "./rules/rules.js";
import type { Alternative } from "./schema/alternatives.js";
import * as arrays from "./schema/arrays.js";
import { json as anyJson } from "./schema/json.js";
import * as constants from "./schema/literals.js";
import * as numbers from "./schema/number.js";
import { type GetNames, nameArray, nameConstants, nameObject, nameUnion } from "./schema/names.js";
import * as objects from "./schema/objects.js";
import type { Reader } from "./schema/report.js";
import * as texts from "./schema/text.js";
import * as unions from "./schema/unions.js";

/** A kind of schema: its type, its reader and its metadata. */
export interface Kind<Definition> {
  /** The name of the type in zod. */
  readonly type: string;
  /** Returns the reader of a definition; undefined if only zod can read it. */
  read(definition: Definition, access: Access): Reader | undefined;
  /** Returns the names of the values of a definition, for messages. */
  identify(definition: Definition, access: Access): Identity;
  /** Adds metadata for `z.toJSONSchema` and form libraries. */
  describe?(metadata: Metadata, definition: Definition): void;
}

/** A schema of one of the libraries that share the kinds. */
export type Schema = object;

/** How a library's schemas are read, which may be parts of others. */
export interface Access {
  readerOf(schema: Schema): Reader;
  identityOf(schema: Schema): Identity;
  /** Returns what a property with this schema does if it is absent. `substituted` also means that the output may differ. */
  absenceOf(schema: Schema): "required" | "optional" | "substituted";
  isNever(schema: Schema): boolean;
}

/** The names of the values of a schema. */
export interface Identity {
  /** Returns `a string`, or a name per alternative. */
  readonly names: GetNames;
  /** The name of several values: `strings`. */
  readonly plural?: string | undefined;
  /** The only values. */
  readonly constants?: readonly unknown[];
}

/** The metadata of a zod schema. */
export interface Metadata {
  bag: Record<string, unknown>;
  toJSONSchema?: (() => unknown) | undefined;
}

/** Returns a kind whose reader does not depend on a definition. */
function constantKind(type: string, identity: Identity, reader: Reader, jsonSchema?: Record<string, unknown>): Kind<object> {
  return {
    type,
    identify: () => identity,
    read: () => reader,
    ...(jsonSchema && { describe: (metadata: Metadata) => void (metadata.toJSONSchema = () => jsonSchema) }),
  };
}

function identity(name: string, plural?: string): Identity {
  return { names: () => [name], plural };
}

const ARRAY = identity("an array", "arrays");
const OBJECT = identity("an object", "objects");

export const boolean = constantKind("boolean", identity("a boolean", "booleans"), constants.boolean);
export const nullValue = constantKind("null", identity("null"), constants.nullValue);
export const never = constantKind("never", { names: () => [] }, constants.never);
export const json = constantKind("json", identity("any value"), anyJson, {});
export const int64 = constantKind("int64", identity("a 64-bit integer in a string"), numbers.int64, { type: "string", format: "int64" });
export const uint64 = constantKind("uint64", identity("an unsigned 64-bit integer in a string"), numbers.uint64, { type: "string", format: "uint64" });

export const string: Kind<{ limits: texts.StringLimits }> = {
  type: "string",
  identify: () => identity("a string", "strings"),
  read: ({ limits }) => texts.string(limits),
  describe: ({ bag }, { limits: { minLength, maxLength, pattern, format } }) => {
    Object.assign(bag, minLength !== undefined && { minimum: minLength }, maxLength !== undefined && { maximum: maxLength });
    Object.assign(bag, pattern !== undefined && { patterns: new Set([texts.regularExpression(pattern)]) }, format && { format });
  },
};

export const int: Kind<{ limits: numbers.IntegerLimits }> = {
  type: "number",
  identify: () => identity("an integer", "integers"),
  read: ({ limits }) => numbers.int(limits),
  describe: ({ bag }, { limits }) => void Object.assign(bag, numbers.clampToSafe(limits), { format: "safeint" }),
};

export const number: Kind<{ limits: numbers.NumberLimits }> = {
  type: "number",
  identify: () => identity("a number", "numbers"),
  read: ({ limits }) => numbers.number(limits),
  describe: ({ bag }, { limits }) => void Object.assign(bag, limits),
};

export const literals: Kind<{ values: readonly unknown[] }> = {
  type: "literal",
  identify: ({ values }) => ({ names: () => nameConstants(values), constants: values }),
  read: ({ values }) => constants.literals(values),
};

/** `names` keeps the order that `entries` loses if a name is an integer. */
export const enumOf: Kind<{ names: readonly string[]; entries: Readonly<Record<string, string>> }> = {
  type: "enum",
  identify: ({ names }) => ({ names: () => nameConstants(names), constants: names }),
  read: ({ names }) => constants.enumOf(names),
};

export const array: Kind<{ element: Schema; limits: arrays.ArrayLimits }> = {
  type: "array",
  identify: ({ element }, { identityOf }) => ({ ...ARRAY, names: () => [nameArray(identityOf(element).plural)] }),
  read: ({ element, limits }, { readerOf }) => arrays.array(readerOf(element), limits),
  describe: ({ bag }, { limits: { minItems, maxItems } }) => {
    Object.assign(bag, minItems !== undefined && { minimum: minItems }, maxItems !== undefined && { maximum: maxItems });
  },
};

export const tuple: Kind<{ items: readonly Schema[]; rest: Schema | null }> = {
  type: "tuple",
  identify: () => ARRAY,
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
  identify: () => OBJECT,
  read: ({ valueType }, { readerOf }) => objects.record(readerOf(valueType)),
};

type Shape = Readonly<Record<string, Schema>>;

export const object: Kind<{ shape: Shape; catchall?: Schema | undefined }> = {
  type: "object",
  identify: ({ shape }, access) => ({ ...OBJECT, names: () => [nameShape(shape, access)] }),
  read: ({ shape, catchall }, access) =>
    objects.object(
      Object.entries(shape).map(([name, schema]) => property(name, schema, access)),
      catchall === undefined ? "dropped" : access.isNever(catchall) ? "rejected" : access.readerOf(catchall),
    ),
};

function nameShape(shape: Shape, { absenceOf, identityOf }: Access): string {
  const required = Object.entries(shape).filter(([, schema]) => absenceOf(schema) === "required");
  const constants = required.flatMap(([name, schema]) => {
    const { constants: values } = identityOf(schema);
    return values?.length === 1 ? [[name, values[0]] as const] : [];
  });
  return nameObject(required.map(([name]) => name), new Map(constants));
}

function property(name: string, schema: Schema, { absenceOf, readerOf }: Access): objects.Property {
  const read = readerOf(schema);
  const absence = absenceOf(schema);
  return { name, read, absent: absence === "required" ? "rejected" : absence === "optional" ? "accepted" : read };
}

export const optional: Kind<{ innerType: Schema }> = {
  type: "optional",
  identify: ({ innerType }, { identityOf }) => identityOf(innerType),
  read: ({ innerType }, { absenceOf, readerOf }) =>
    absenceOf(innerType) === "required" ? unions.optional(readerOf(innerType)) : undefined,
};

export const nullable: Kind<{ innerType: Schema }> = {
  type: "nullable",
  identify: ({ innerType }, { identityOf }) => ({
    names: (levels) => nameUnion([identityOf(innerType).names, () => ["null"]], levels),
  }),
  read: ({ innerType }, { readerOf }) => unions.nullable(readerOf(innerType)),
};

function identifyUnion({ options }: { options: readonly Schema[] }, { identityOf }: Access): Identity {
  return { names: (levels) => nameUnion(options.map((option) => identityOf(option).names), levels) };
}

function alternatives(options: readonly Schema[], { readerOf, identityOf }: Access): Alternative[] {
  return options.map((schema) => ({ read: readerOf(schema), names: (levels) => identityOf(schema).names(levels) }));
}

export const union: Kind<{ options: readonly Schema[] }> = {
  type: "union",
  identify: identifyUnion,
  read: ({ options }, access) => unions.union(alternatives(options, access)),
};

export const xor: Kind<{ options: readonly Schema[] }> = {
  type: "union",
  identify: identifyUnion,
  read: ({ options }, access) => unions.xor(alternatives(options, access)),
};

export const discriminatedUnion: Kind<{ options: readonly Schema[]; tag: string; cases: Readonly<Record<string, Schema>>; isOpen: boolean }> = {
  type: "union",
  identify: ({ tag, cases, isOpen }) => {
    const [name, ...others] = Object.keys(cases);
    const isConstant = name !== undefined && others.length === 0 && !isOpen;
    return { ...OBJECT, names: () => [nameObject([tag], new Map(isConstant ? [[tag, name]] : []))] };
  },
  read: ({ tag, cases, isOpen }, { readerOf }) =>
    unions.discriminatedUnion(tag, new Map(Object.entries(cases).map(([name, schema]) => [name, readerOf(schema)])), isOpen),
};

/** The definition of a schema around another one. For zod, all of these are lazy. */
interface Wrapper {
  getter: () => Schema;
}

export const lazy: Kind<Wrapper> = {
  type: "lazy",
  identify: ({ getter }, { identityOf }) => identityOf(getter()),
  read: ({ getter }, { readerOf }) => unions.lazy(() => readerOf(getter())),
};

/** The value stays as it is: other rules decide whether it is valid, and Rust keeps it as JSON, too. */
export const unchanged: Kind<Wrapper> = {
  type: "lazy",
  identify: ({ getter }, { identityOf }) => identityOf(getter()),
  read: () => anyJson,
};

export const payload: Kind<Wrapper> = {
  type: "lazy",
  identify: ({ getter }, { identityOf }) => identityOf(getter()),
  read: ({ getter }, { readerOf }) => unions.payload(readerOf(getter())),
};

export const checked: Kind<Wrapper & { rules: Rules }> = {
  type: "lazy",
  identify: ({ rules }) => ({ names: (levels) => namesOf(rules, levels) }),
  read: ({ getter, rules }, { readerOf }) => checkedReader(readerOf(getter()), rules),
};
