/** Names of the values of schemas, for messages about unions. Validators without unions do not load this module. */

import type { Access, Identity, Schema } from "./kind.js";
import { nameArray, nameConstants, nameObject, nameUnion } from "./schema/names.js";

/** Returns the names of the values of a schema. */
export function identify(schema: Schema, access: Access): Identity {
  const parts = access.partsOf(schema);
  if ("names" in parts) {
    return parts;
  }
  const { name, kind, definition } = parts;
  const names = kind.getNames?.(definition as never);
  return names === undefined ? (IDENTITIES[name]?.(definition as never, access) ?? ANY) : { names };
}

type Shape = Readonly<Record<string, Schema>>;

const ANY = /* @__PURE__ */ constant("any value");
const ARRAY = /* @__PURE__ */ constant("an array", "arrays");
const OBJECT = /* @__PURE__ */ constant("an object", "objects");

function constant(name: string, plural?: string): Identity {
  return { names: () => [name], plural };
}

/** By class. */
const IDENTITIES: Readonly<Record<string, (definition: never, access: Access) => Identity>> = {
  Boolean: () => constant("a boolean", "booleans"),
  Null: () => constant("null"),
  Never: () => ({ names: () => [] }),
  Json: () => ANY,
  Int64: () => constant("a 64-bit integer in a string"),
  Uint64: () => constant("an unsigned 64-bit integer in a string"),
  String: () => constant("a string", "strings"),
  Int: () => constant("an integer", "integers"),
  Number: () => constant("a number", "numbers"),
  Literal: identifyLiterals,
  DeepLiteral: identifyLiterals,
  Enum: ({ names }: { names: readonly string[] }) => ofConstants(names),
  Array: ({ element }: { element: Schema }, access) => ({ ...ARRAY, names: () => [nameArray(identify(element, access).plural)] }),
  Tuple: () => ARRAY,
  Record: () => OBJECT,
  Object: ({ shape }: { shape: Shape }, access) => ({ ...OBJECT, names: () => [nameShape(shape, access)] }),
  Optional: ({ innerType }: { innerType: Schema }, access) => identify(innerType, access),
  Nullable: ({ innerType }: { innerType: Schema }, access) => ({
    names: (levels) => nameUnion([identify(innerType, access).names, () => ["null"]], levels),
  }),
  Union: identifyUnion,
  Xor: identifyUnion,
  DiscriminatedUnion: ({ tag, cases, isOpen }: { tag: string; cases: Shape; isOpen: boolean }) => {
    const [name, ...others] = Object.keys(cases);
    const isConstant = name !== undefined && others.length === 0 && !isOpen;
    return { ...OBJECT, names: () => [nameObject([tag], new Map(isConstant ? [[tag, name]] : []))] };
  },
  Lazy: identifyWrapped,
  Unchanged: identifyWrapped,
  Payload: identifyWrapped,
};

function identifyLiterals({ values }: { values: readonly unknown[] }): Identity {
  return ofConstants(values);
}

function ofConstants(constants: readonly unknown[]): Identity {
  return { names: () => nameConstants(constants), constants };
}

function identifyUnion({ options }: { options: readonly Schema[] }, access: Access): Identity {
  return { names: (levels) => nameUnion(options.map((option) => identify(option, access).names), levels) };
}

function identifyWrapped({ getter }: { getter: () => Schema }, access: Access): Identity {
  return identify(getter(), access);
}

function nameShape(shape: Shape, access: Access): string {
  const required = Object.entries(shape).filter(([, schema]) => access.absenceOf(schema) === "required");
  const constants = required.flatMap(([name, schema]) => {
    const { constants: values } = identify(schema, access);
    return values?.length === 1 ? [[name, values[0]] as const] : [];
  });
  return nameObject(required.map(([name]) => name), new Map(constants));
}
