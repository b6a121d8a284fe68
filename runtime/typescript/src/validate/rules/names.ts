/** Names of the values that rules accept, for messages. */

import { type GetNames, nameArray, nameConstants, nameObject, nameUnion, OTHER } from "../schema/names.js";
import type { Kind, Rules, RulesObject } from "./rules.js";
import { orderTypes, WORDS } from "./type-keyword.js";

/** The keywords for one type only. Without `type`, rules are named after the only type that their keywords apply to. */
const KEYWORDS: readonly (readonly [Kind, readonly (keyof RulesObject)[]])[] = [
  ["number", ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]],
  ["string", ["minLength", "maxLength", "pattern", "format"]],
  ["array", ["prefixItems", "items", "contains", "minItems", "maxItems", "uniqueItems"]],
  [
    "object",
    [
      "properties", "patternProperties", "additionalProperties", "propertyNames", "minProperties", "maxProperties",
      "required", "dependentRequired", "dependentSchemas",
    ],
  ],
];

/** The plurals of types. `null` has none. */
const PLURALS: Readonly<Partial<Record<Kind, string>>> = {
  boolean: "booleans",
  integer: "integers",
  number: "numbers",
  string: "strings",
  array: "arrays",
  object: "objects",
};

/** Returns the names of the values that rules accept. */
export function namesOf(rules: Rules, levels: number): readonly string[] {
  if (rules === true) {
    return [OTHER];
  }
  if (rules === false) {
    return [];
  }
  const constants = constantsOf(rules);
  if (constants !== undefined) {
    return nameConstants(constants);
  }
  if (rules.type !== undefined) {
    return orderTypes(new Set([rules.type].flat())).map((kind) => nameOfKind(kind, rules));
  }
  const kinds = KEYWORDS.filter(([, keywords]) => keywords.some((keyword) => rules[keyword] !== undefined));
  const [kind] = kinds;
  const all = [...(rules.$ref ? [rules.$ref] : []), ...(rules.allOf ?? []).map((inner) => () => inner)];
  const [only] = all;
  if (kind !== undefined) {
    return kinds.length === 1 ? [nameOfKind(kind[0], rules)] : [OTHER];
  }
  if (only !== undefined) {
    return all.length === 1 ? namesOf(only(), levels) : [OTHER];
  }
  const alternatives = [...(rules.anyOf ?? []), ...(rules.oneOf ?? [])];
  const names = alternatives.map((inner): GetNames => (levels) => namesOf(inner, levels));
  return names.length > 0 ? nameUnion(names, levels) : [OTHER];
}

function constantsOf(rules: RulesObject): readonly unknown[] | undefined {
  return Object.hasOwn(rules, "const") ? [rules.const] : rules.enum;
}

function nameOfKind(kind: Kind, rules: RulesObject): string {
  switch (kind) {
    case "array":
      return nameArray(pluralOfItems(rules));
    case "object":
      return nameObject(rules.required ?? [], requiredConstants(rules));
    default:
      return WORDS[kind];
  }
}

function pluralOfItems({ items, prefixItems = [] }: RulesObject): string | undefined {
  const [type, ...others] = typeof items === "object" && prefixItems.length === 0 ? [items.type ?? []].flat() : [];
  return type === undefined || others.length > 0 ? undefined : PLURALS[type];
}

function requiredConstants({ properties = {}, required = [] }: RulesObject): ReadonlyMap<string, unknown> {
  const constants = new Map<string, unknown>();
  for (const [name, inner] of Object.entries(properties)) {
    const values = typeof inner === "object" ? constantsOf(inner) : undefined;
    if (values?.length === 1 && required.includes(name)) {
      constants.set(name, values[0]);
    }
  }
  return constants;
}
