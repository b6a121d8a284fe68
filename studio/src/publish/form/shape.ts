import type { JsonSchema } from "../../api/types.js";
import { keywordsOf } from "./keywords.js";
import { type Alternative, controlOf, schemaOfMember } from "./schema.js";

/** The most items of an array that are compared with their schema. */
const MAX_COMPARED = 20;

/** Returns the index of the alternative that a value fits best, or of the first one. */
export function fittingAlternative(value: unknown, alternatives: readonly Alternative[], root: JsonSchema): number {
  const scores = alternatives.map(({ schema }) => (hasShape(value, schema, root) ? 1 + countKnown(value, schema, root) : 0));
  return scores.indexOf(Math.max(...scores));
}

/** Returns `true` if a value has the shape of a schema, as far as that selects an alternative. */
export function hasShape(value: unknown, schema: JsonSchema, root: JsonSchema): boolean {
  const control = controlOf(schema, root);
  switch (control.kind) {
    case "choice":
      return control.values.some((option) => isEqual(option, value));
    case "object": {
      if (!isRecord(value)) return false;
      const isClosed = keywordsOf(schema, root)["additionalProperties"] === false;
      const known = new Map(control.properties.map((property) => [property.name, property.schema]));
      return (
        control.properties.every(({ name, isRequired }) => !isRequired || Object.hasOwn(value, name)) &&
        Object.entries(value).every(([name, member]) => {
          const memberSchema = known.get(name) ?? schemaOfMember(control, name) ?? (isClosed ? undefined : true);
          return memberSchema !== undefined && hasShape(member, memberSchema, root);
        })
      );
    }
    case "array":
      return (
        Array.isArray(value) &&
        value.length >= control.min &&
        value.length <= control.max &&
        value.slice(0, MAX_COMPARED).every((item, at) => hasShape(item, control.prefix[at] ?? control.items, root))
      );
    case "union":
      return control.alternatives.some((alternative) => hasShape(value, alternative.schema, root));
    case "null":
      return value === null;
    case "integer":
      return Number.isInteger(value);
    case "json":
      return true;
    default:
      return typeof value === (control.kind === "suggest" ? "string" : control.kind);
  }
}

/** Returns `true` if two JSON values are equal. The order of members does not matter. */
export function isEqual(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, at) => isEqual(item, b[at]));
  if (!isRecord(a) || !isRecord(b)) return a === b;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && isEqual(a[name], b[name]));
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function countKnown(value: unknown, schema: JsonSchema, root: JsonSchema): number {
  const control = controlOf(schema, root);
  if (control.kind !== "object" || !isRecord(value)) return 0;
  return control.properties.filter(({ name }) => Object.hasOwn(value, name)).length;
}
