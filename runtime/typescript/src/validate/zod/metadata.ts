/** Metadata of schemas for `z.toJSONSchema` and form libraries. */

import type { ArrayLimits } from "../schema/arrays.js";
import { clampToSafe, type IntegerLimits, type NumberLimits } from "../schema/number.js";
import { regularExpression, type StringLimits } from "../schema/text.js";

/** The metadata of a zod schema. */
export interface Metadata {
  bag: Record<string, unknown>;
  toJSONSchema?: (() => unknown) | undefined;
}

/** Adds the metadata of a definition. `name` is that of its class. */
export function describe(name: string, metadata: Metadata, definition: object): void {
  const bag = BAGS[name]?.((definition as { readonly limits?: never }).limits as never);
  Object.assign(metadata.bag, bag);
  const jsonSchema = JSON_SCHEMAS[name];
  if (jsonSchema !== undefined) {
    metadata.toJSONSchema = () => jsonSchema;
  }
}

const BAGS: Readonly<Record<string, (limits: never) => object>> = {
  String: ({ minLength, maxLength, pattern, format }: StringLimits) => ({
    ...range(minLength, maxLength),
    ...(pattern !== undefined && { patterns: new Set([regularExpression(pattern)]) }),
    ...(format && { format: format.name }),
  }),
  Int: (limits: IntegerLimits) => ({ ...clampToSafe(limits), format: "safeint" }),
  Number: (limits: NumberLimits) => limits,
  Array: ({ minItems, maxItems }: ArrayLimits) => range(minItems, maxItems),
};

function range(minimum: number | undefined, maximum: number | undefined): object {
  return { ...(minimum !== undefined && { minimum }), ...(maximum !== undefined && { maximum }) };
}

/** The JSON Schemas of classes that zod does not know. */
const JSON_SCHEMAS: Readonly<Record<string, object>> = {
  Json: {},
  Int64: { type: "string", format: "int64" },
  Uint64: { type: "string", format: "uint64" },
};
