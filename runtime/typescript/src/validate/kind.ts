/** A kind of schema, and what it needs from the library whose schemas have it. */

import type { GetNames } from "./schema/names.js";
import type { Reader } from "./schema/report.js";

/** A kind of schema: its type and its reader. */
export interface Kind<Definition> {
  /** The name of the type in zod. */
  readonly type: string;
  /** Returns the reader of a definition; undefined if only zod can read it. */
  read(definition: Definition, access: Access): Reader | undefined;
  /** Returns the names of the values of a definition, if `identify` does not know its class. */
  getNames?(definition: Definition): GetNames;
}

/** The parts of a schema of our own. */
export interface Parts {
  /** The name of its class. */
  readonly name: string;
  readonly kind: Kind<never>;
  readonly definition: object;
}

/** A schema of one of the libraries that share the kinds. */
export type Schema = object;

/** How a library's schemas are read, which may be parts of others. */
export interface Access {
  readerOf(schema: Schema): Reader;
  /** Returns the parts of a schema of our own, or the names of the values of another one. */
  partsOf(schema: Schema): Parts | Identity;
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
