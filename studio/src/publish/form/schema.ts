import type { JsonSchema } from "../../api/types.js";

/** A schema with its keywords, after references are followed. */
export type Keywords = Readonly<Record<string, unknown>>;

/** The control that edits values of a schema. */
export type Control =
  | { readonly kind: "object"; readonly properties: readonly Property[]; readonly others: JsonSchema | undefined }
  | { readonly kind: "array"; readonly items: JsonSchema; readonly prefix: readonly JsonSchema[] }
  | { readonly kind: "union"; readonly alternatives: readonly Alternative[] }
  | { readonly kind: "choice"; readonly values: readonly unknown[] }
  | { readonly kind: "suggest"; readonly values: readonly string[] }
  | { readonly kind: "string" | "integer" | "number" | "boolean" | "null" | "json" };

export interface Property {
  readonly name: string;
  readonly schema: JsonSchema;
  readonly isRequired: boolean;
}

export interface Alternative {
  readonly label: string;
  readonly schema: JsonSchema;
}

/** Follows references, and merges their targets with the keywords next to them. */
export function keywordsOf(schema: JsonSchema, root: JsonSchema): Keywords {
  let keywords: Keywords = typeof schema === "boolean" ? {} : schema;
  for (let depth = 0; typeof keywords["$ref"] === "string" && depth < 16; depth += 1) {
    const { $ref, ...rest } = keywords;
    const target = targetOf(root, String($ref));
    keywords = { ...(typeof target === "object" ? target : {}), ...rest };
  }
  return keywords;
}

export function controlOf(schema: JsonSchema, root: JsonSchema): Control {
  const keywords = keywordsOf(schema, root);
  const { type, enum: values, properties, items, prefixItems, additionalProperties } = keywords;
  if ("const" in keywords) return { kind: "choice", values: [keywords["const"]] };
  if (Array.isArray(values)) return { kind: "choice", values };
  const union = keywords["oneOf"] ?? keywords["anyOf"];
  if (Array.isArray(union) && type !== "object" && properties === undefined) {
    return unionOf(union as readonly JsonSchema[], root);
  }
  if (Array.isArray(type)) {
    return unionOf(type.map((name: unknown) => ({ ...keywords, type: name })), root);
  }
  if (type === "object" || properties !== undefined) {
    const required = Array.isArray(keywords["required"]) ? keywords["required"] : [];
    return {
      kind: "object",
      properties: Object.entries(Object(properties) as Record<string, JsonSchema>).map(([name, property]) => ({
        name,
        schema: property,
        isRequired: required.includes(name),
      })),
      others: isSchema(additionalProperties) && additionalProperties !== false ? additionalProperties : undefined,
    };
  }
  if (type === "array") {
    const prefix = Array.isArray(prefixItems) ? (prefixItems as readonly JsonSchema[]) : [];
    return { kind: "array", items: isSchema(items) ? items : true, prefix };
  }
  if (type === "string" || type === "integer" || type === "number" || type === "boolean" || type === "null") {
    return { kind: type };
  }
  return { kind: "json" };
}

function unionOf(schemas: readonly JsonSchema[], root: JsonSchema): Control {
  const all = schemas.map((schema) => keywordsOf(schema, root));
  const named = all.find(({ enum: values }) => Array.isArray(values) && values.every((value) => typeof value === "string"));
  // An open enum: known values, or any other string.
  if (all.length === 2 && named !== undefined && all.some(({ type, enum: values }) => type === "string" && values === undefined)) {
    return { kind: "suggest", values: named["enum"] as readonly string[] };
  }
  return {
    kind: "union",
    alternatives: schemas.map((schema, at) => ({ label: labelOf(schema, all[at] ?? {}, at), schema })),
  };
}

function labelOf(schema: JsonSchema, keywords: Keywords, at: number): string {
  const { title, type, properties } = keywords;
  const tag = Object.values(Object(properties) as Record<string, Keywords>).find((property) => typeof property["const"] === "string");
  if (tag !== undefined) return String(tag["const"]);
  if (typeof title === "string") return title;
  const reference = Object(schema)["$ref"] as unknown;
  if (typeof reference === "string" && reference.includes("/")) return reference.slice(reference.lastIndexOf("/") + 1);
  if ("const" in keywords) return JSON.stringify(keywords["const"]);
  return typeof type === "string" ? type : `alternative ${at + 1}`;
}

/** Returns a value to begin with, as small as the schema allows. It can be invalid, which the server then reports. */
export function initialOf(schema: JsonSchema, root: JsonSchema, depth = 0): unknown {
  const control = controlOf(schema, root);
  const keywords = keywordsOf(schema, root);
  const { default: preset, examples } = keywords;
  if (preset !== undefined) return preset;
  if (Array.isArray(examples) && examples.length > 0) return examples[0];
  switch (control.kind) {
    case "object":
      return Object.fromEntries(
        control.properties
          .filter(({ isRequired }) => isRequired && depth < 12)
          .map(({ name, schema: property }) => [name, initialOf(property, root, depth + 1)]),
      );
    case "array": {
      const count = Math.max(0, Number(keywords["minItems"] ?? 0) - control.prefix.length);
      const schemas = [...control.prefix, ...Array.from({ length: Math.min(count, 20) }, () => control.items)];
      return depth < 12 ? schemas.map((item) => initialOf(item, root, depth + 1)) : [];
    }
    case "union":
      return initialOf(control.alternatives[0]?.schema ?? true, root, depth + 1);
    case "choice":
    case "suggest":
      return control.values[0];
    case "integer":
    case "number":
      return initialNumber(keywords);
    case "boolean":
      return false;
    case "string":
      return initialString(keywords);
    default:
      return null;
  }
}

function initialNumber({ minimum, exclusiveMinimum, maximum }: Keywords): number {
  if (typeof minimum === "number") return minimum;
  if (typeof exclusiveMinimum === "number") return exclusiveMinimum + 1;
  return typeof maximum === "number" && maximum < 0 ? maximum : 0;
}

const FORMATS: Readonly<Record<string, string>> = {
  "date-time": "2026-01-31T12:00:00Z",
  date: "2026-01-31",
  time: "12:00:00Z",
  duration: "PT1H",
  email: "name@example.com",
  uri: "https://example.com/",
  uuid: "123e4567-e89b-42d3-a456-426614174000",
  ipv4: "192.0.2.1",
  ipv6: "2001:db8::1",
  hostname: "example.com",
  int64: "0",
  uint64: "0",
};

function initialString({ format, minLength }: Keywords): string {
  const example = FORMATS[String(format)];
  return example ?? "text".padEnd(Number(minLength ?? 0), "t");
}

/** Returns `true` if a value has the shape of a schema, as far as that selects an alternative. */
export function hasShape(value: unknown, schema: JsonSchema, root: JsonSchema): boolean {
  const control = controlOf(schema, root);
  switch (control.kind) {
    case "choice":
      return control.values.includes(value);
    case "object":
      return (
        typeof value === "object" &&
        value !== null &&
        !Array.isArray(value) &&
        control.properties.every(({ name, schema: property, isRequired }) => {
          const member = (value as Record<string, unknown>)[name];
          return member === undefined ? !isRequired : hasShape(member, property, root);
        })
      );
    case "array":
      return Array.isArray(value);
    case "union":
      return control.alternatives.some((alternative) => hasShape(value, alternative.schema, root));
    case "null":
      return value === null;
    case "integer":
    case "number":
      return typeof value === "number";
    case "json":
      return true;
    default:
      return typeof value === (control.kind === "suggest" ? "string" : control.kind);
  }
}

function isSchema(value: unknown): value is JsonSchema {
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
