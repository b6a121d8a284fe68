import type { JsonSchema } from "../../api/types.js";

/** The keywords of a schema, after references are followed. */
export type Keywords = Readonly<Record<string, unknown>>;

const MAX_DEPTH = 16;

/** Merges the keywords of a schema with those of its reference and its `allOf`. */
export function keywordsOf(schema: JsonSchema, root: JsonSchema, depth = 0): Keywords {
  if (typeof schema === "boolean") return {};
  const { $ref, allOf, ...own } = schema;
  const parts = [
    ...(typeof $ref === "string" ? [targetOf(root, $ref) ?? true] : []),
    ...(Array.isArray(allOf) ? (allOf as readonly JsonSchema[]) : []),
  ];
  if (parts.length === 0 || depth >= MAX_DEPTH) return own;
  return [...parts.map((part) => keywordsOf(part, root, depth + 1)), own].reduce(merge);
}

/** Returns the keywords of both schemas. Those of the second one win, except that properties are combined. */
function merge(first: Keywords, second: Keywords): Keywords {
  const names = new Set([...Object.keys(propertiesOf(first)), ...Object.keys(propertiesOf(second))]);
  const properties = Object.fromEntries([...names].map((name) => [name, both(memberOf(first, name), memberOf(second, name))]));
  const required = [...requiredOf(first), ...requiredOf(second)];
  return {
    ...first,
    ...second,
    ...(names.size === 0 ? {} : { properties }),
    ...(required.length === 0 ? {} : { required }),
  };
}

function memberOf(keywords: Keywords, name: string): JsonSchema {
  const { additionalProperties } = keywords;
  return propertiesOf(keywords)[name] ?? (isSchema(additionalProperties) ? additionalProperties : true);
}

function both(first: JsonSchema, second: JsonSchema): JsonSchema {
  if (first === true) return second;
  return second === true ? first : { allOf: [first, second] };
}

export function propertiesOf(keywords: Keywords): Readonly<Record<string, JsonSchema>> {
  return Object(keywords["properties"]) as Record<string, JsonSchema>;
}

export function requiredOf({ required }: Keywords): readonly string[] {
  return Array.isArray(required) ? (required as readonly string[]) : [];
}

export function isSchema(value: unknown): value is JsonSchema {
  return typeof value === "boolean" || (typeof value === "object" && value !== null && !Array.isArray(value));
}

function targetOf(root: JsonSchema, reference: string): JsonSchema | undefined {
  if (reference === "#") return root;
  if (!reference.startsWith("#/")) return undefined;
  let target: unknown = root;
  for (const part of reference.slice(2).split("/")) {
    target = Object(target)[decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~")];
  }
  return isSchema(target) ? target : undefined;
}
