/** Memoization of validators that visit a value repeatedly. */

import { memoryOf, shouldMemoize } from "../schema/memory.js";
import { REJECTED } from "../schema/report.js";
import { Evaluated } from "./evaluated.js";
import type { RulesObject } from "./rules.js";
import type { Validator } from "./validator.js";

/** Returns `true` if several parts of rules may visit the same item or property. */
export function revisitsValues(rules: RulesObject): boolean {
  const { $ref, allOf = [], anyOf = [], oneOf = [], not, if: test, contains, patternProperties, dependentSchemas } = rules;
  const ofItems = [rules.items, rules.prefixItems, rules.properties, rules.additionalProperties];
  // `false` visits nothing.
  const left = [rules.unevaluatedItems, rules.unevaluatedProperties].filter((part) => part !== undefined && part !== false);
  const parts = [
    ...ofItems.filter((part) => part !== undefined).slice(0, 1),
    ...left,
    ...[$ref, ...allOf, ...anyOf, ...oneOf, not, test, test].filter((part) => part !== undefined),
  ];
  return parts.length > 1 || [contains, patternProperties, dependentSchemas].some((part) => part !== undefined);
}

/** Memoizes a validator, including the parts that it evaluated, for values that may be visited often. */
export function memoize(validator: Validator): Validator {
  return (value, report, evaluated) => {
    if (!shouldMemoize(value, report)) {
      report.level++;
      validator(value, report, evaluated);
      report.level--;
      return;
    }
    const memory = memoryOf(report);
    const known = memory.recall(validator, value, report);
    if (known !== undefined && (known.result === REJECTED || !evaluated || known.result instanceof Evaluated)) {
      evaluated?.add(known.result instanceof Evaluated ? known.result : undefined);
      return;
    }
    const since = report.found.length;
    const own = evaluated && new Evaluated();
    report.level++;
    validator(value, report, own);
    report.level--;
    evaluated?.add(own);
    memory.keep(validator, value, report, since, report.found.length === since ? own : REJECTED);
  };
}
