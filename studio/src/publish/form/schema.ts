import type { JsonSchema } from "../../api/types.js";
import { isSchema, type Keywords, keywordsOf, propertiesOf, requiredOf } from "./keywords.js";

/** The control that edits values of a schema. */
export type Control =
  | ObjectControl
  | ArrayControl
  | { readonly kind: "union"; readonly alternatives: readonly Alternative[] }
  | { readonly kind: "choice"; readonly values: readonly unknown[] }
  | { readonly kind: "suggest"; readonly values: readonly string[] }
  | { readonly kind: "string" | "integer" | "number" | "boolean" | "null" | "json" };

export interface ObjectControl {
  readonly kind: "object";
  readonly properties: readonly Property[];
  /** The schemas of members whose name matches a pattern. */
  readonly patterns: readonly (readonly [pattern: string, schema: JsonSchema])[];
  /** The schema of all other members, if any may be added. */
  readonly others: JsonSchema | undefined;
}

export interface ArrayControl {
  readonly kind: "array";
  readonly prefix: readonly JsonSchema[];
  readonly items: JsonSchema;
  readonly min: number;
  readonly max: number;
}

export interface Property {
  readonly name: string;
  readonly schema: JsonSchema;
  readonly isRequired: boolean;
}

export interface Alternative {
  readonly label: string;
  readonly schema: JsonSchema;
}

export function controlOf(schema: JsonSchema, root: JsonSchema): Control {
  const keywords = keywordsOf(schema, root);
  const { type, enum: values, items, prefixItems, minItems, maxItems } = keywords;
  if ("const" in keywords) return { kind: "choice", values: [keywords["const"]] };
  if (Array.isArray(values)) return { kind: "choice", values };
  const alternatives = alternativesOf(keywords);
  if (alternatives !== undefined) return unionOf(alternatives, root);
  if (type === "object" || keywords["properties"] !== undefined) return objectOf(keywords, root);
  if (type === "array") {
    const prefix = Array.isArray(prefixItems) ? (prefixItems as readonly JsonSchema[]) : [];
    const max = items === false ? prefix.length : Number.POSITIVE_INFINITY;
    return {
      kind: "array",
      prefix,
      items: isSchema(items) ? items : true,
      min: Number(minItems ?? 0),
      max: Math.min(max, Number(maxItems ?? max)),
    };
  }
  if (type === "string" || type === "integer" || type === "number" || type === "boolean" || type === "null") {
    return { kind: type };
  }
  return { kind: "json" };
}

/** Returns the schema of a member that is not a property, or undefined if an object cannot have it. */
export function schemaOfMember({ patterns, others }: ObjectControl, name: string): JsonSchema | undefined {
  const found = patterns.find(([pattern]) => new RegExp(pattern, "u").test(name));
  return found === undefined ? others : found[1];
}

function objectOf(keywords: Keywords, root: JsonSchema): ObjectControl {
  const { additionalProperties, patternProperties } = keywords;
  const required = new Set(requiredOf(keywords));
  const known = { ...conditionalProperties(keywords, root), ...propertiesOf(keywords) };
  const patterns = Object.entries(Object(patternProperties) as Record<string, JsonSchema>);
  const isMap = additionalProperties === undefined && Object.keys(known).length === 0 && patterns.length === 0;
  const others = isSchema(additionalProperties) && additionalProperties !== false ? additionalProperties : undefined;
  const undeclared = [...required].filter((name) => !(name in known)).map((name) => [name, others ?? true] as const);
  return {
    kind: "object",
    properties: [...Object.entries(known), ...undeclared]
      .filter(([, schema]) => schema !== false)
      .map(([name, schema]) => ({ name, schema, isRequired: required.has(name) })),
    patterns,
    others: isMap ? true : others,
  };
}

/** The properties that an object can have if it also matches another schema, such as one of its alternatives. */
function conditionalProperties(keywords: Keywords, root: JsonSchema): Readonly<Record<string, JsonSchema>> {
  const { oneOf, anyOf, then, else: otherwise, dependentSchemas } = keywords;
  const schemas = [oneOf, anyOf, then, otherwise, Object.values(Object(dependentSchemas))].flat().filter(isSchema);
  const properties: Record<string, JsonSchema> = {};
  for (const [name, schema] of schemas.flatMap((part) => Object.entries(propertiesOf(keywordsOf(part, root))))) {
    const other = properties[name];
    properties[name] = other === undefined || other === true ? schema : { anyOf: [other, schema] };
  }
  return properties;
}

/** Keywords that say nothing about a value. */
const ANNOTATIONS = new Set(["$schema", "$comment", "$defs", "title", "description", "default", "examples", "deprecated"]);

/** Returns the schemas of which a value matches one, if the value has no control of its own. */
function alternativesOf(keywords: Keywords): readonly JsonSchema[] | undefined {
  const { oneOf, anyOf, ...rest } = keywords;
  const union = oneOf ?? anyOf;
  if (Array.isArray(union) && rest["properties"] === undefined) {
    const common = Object.fromEntries(Object.entries(rest).filter(([name]) => !ANNOTATIONS.has(name)));
    const schemas = union as readonly JsonSchema[];
    return Object.keys(common).length === 0 ? schemas : schemas.map((schema) => ({ allOf: [common, schema] }));
  }
  const { type, title: _, description: __, ...others } = keywords;
  return Array.isArray(type) ? type.map((name: unknown) => ({ ...others, type: name })) : undefined;
}

function unionOf(schemas: readonly JsonSchema[], root: JsonSchema): Control {
  const all = flatten(schemas, root, 0);
  const controls = all.map((schema) => controlOf(schema, root));
  const values = controls.flatMap((control) => (control.kind === "choice" ? control.values : control.kind === "null" ? [null] : []));
  const others = controls.filter(({ kind }) => kind !== "choice" && kind !== "null");
  if (others.length === 0) return { kind: "choice", values };
  // An open enum: known values, or any other string.
  if (others.length === 1 && others[0]?.kind === "string" && values.length > 0 && values.every((value) => typeof value === "string")) {
    return { kind: "suggest", values };
  }
  const labels = all.map((schema) => labelOf(schema, root));
  return {
    kind: "union",
    alternatives: all.map((schema, at) => {
      const label = labels[at] ?? "";
      const number = labels.slice(0, at + 1).filter((other) => other === label).length;
      return { label: labels.indexOf(label) === labels.lastIndexOf(label) ? label : `${label} (${number})`, schema };
    }),
  };
}

/** Replaces alternatives that are unions themselves by their alternatives. */
function flatten(schemas: readonly JsonSchema[], root: JsonSchema, depth: number): readonly JsonSchema[] {
  const flat = schemas.flatMap((schema) => {
    const keywords = keywordsOf(schema, root);
    const isValue = "const" in keywords || Array.isArray(keywords["enum"]);
    const inner = isValue || depth > 8 ? undefined : alternativesOf(keywords);
    return inner === undefined ? [schema] : flatten(inner, root, depth + 1);
  });
  const texts = flat.map((schema) => JSON.stringify(schema));
  return flat.filter((_, at) => texts.indexOf(texts[at] ?? "") === at);
}

function labelOf(schema: JsonSchema, root: JsonSchema): string {
  const keywords = keywordsOf(schema, root);
  const { title, type, const: value, enum: values } = keywords;
  const properties = Object.values(propertiesOf(keywords)) as readonly Keywords[];
  const tag = properties.find((property) => typeof property["const"] === "string");
  if (tag !== undefined) return String(tag["const"]);
  if (typeof title === "string") return title;
  if ("const" in keywords) return JSON.stringify(value);
  if (Array.isArray(values)) return values.map((item) => JSON.stringify(item)).join(" or ");
  const required = requiredOf(keywords);
  if (type === "object" && required.length > 0) return `object with ${required.join(", ")}`;
  return typeof type === "string" ? type : "any value";
}
