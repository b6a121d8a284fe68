/** JSON Schema as a value, which generated code uses if the fast readers do not suffice. */

import type { Automaton } from "../schema/automaton.js";

/** A type of JSON value. An integer is a whole number within ±(2^53 − 1). */
export type Kind = "null" | "boolean" | "integer" | "number" | "string" | "array" | "object";

/**
 * A canonical JSON Schema (draft 2020-12) with JSON Schema's keywords. `true` accepts everything,
 * `false` nothing. References are functions, so that schemas can be recursive.
 *
 * @example
 * const Even: f.Rules = { type: "integer", multipleOf: 2 };
 * const Tree: f.Rules = { type: "array", items: { $ref: () => Tree }, uniqueItems: true };
 */
export type Rules = boolean | RulesObject;

/** The name of a format in JSON Schema. */
export type FormatName = "uuid" | "date-time" | "date" | "time" | "email" | "uri" | "ipv4" | "ipv6" | "hostname" | "int64" | "uint64";

/** The keywords of {@link Rules}. Each applies to its own type of value only. */
export interface RulesObject {
  readonly type?: Kind | readonly Kind[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;

  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly multipleOf?: number;

  readonly minLength?: number;
  readonly maxLength?: number;
  /** An ECMA-262 regular expression with the `u` flag that must match anywhere in the string. */
  readonly pattern?: string | Automaton;
  readonly format?: FormatName;

  readonly prefixItems?: readonly Rules[];
  readonly items?: Rules;
  readonly contains?: Rules;
  readonly minContains?: number;
  readonly maxContains?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly unevaluatedItems?: Rules;

  readonly properties?: Readonly<Record<string, Rules>>;
  /** By pattern; a list of pairs if a pattern is an automaton. */
  readonly patternProperties?: Readonly<Record<string, Rules>> | readonly (readonly [string | Automaton, Rules])[];
  readonly additionalProperties?: Rules;
  readonly propertyNames?: Rules;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly required?: readonly string[];
  readonly dependentRequired?: Readonly<Record<string, readonly string[]>>;
  readonly dependentSchemas?: Readonly<Record<string, Rules>>;
  readonly unevaluatedProperties?: Rules;

  readonly $ref?: () => Rules;
  readonly allOf?: readonly Rules[];
  readonly anyOf?: readonly Rules[];
  readonly oneOf?: readonly Rules[];
  readonly not?: Rules;
  readonly if?: Rules;
  readonly then?: Rules;
  readonly else?: Rules;
}
