/** Rules that are asked about the same value again. */

import { memoryOf, remembers } from "../schema/memory.js";
import { REFUSED } from "../schema/report.js";
import { Evaluated } from "./evaluated.js";
import type { Judge } from "./judge.js";
import type { RulesObject } from "./rules.js";

/** Whether several parts of rules may look at the same item or property. */
export function lookRepeatedly(rules: RulesObject): boolean {
  const { $ref, allOf = [], anyOf = [], oneOf = [], not, if: test, contains, patternProperties, dependentSchemas } = rules;
  const ofItems = [rules.items, rules.prefixItems, rules.properties, rules.additionalProperties];
  // `false` looks at nothing.
  const left = [rules.unevaluatedItems, rules.unevaluatedProperties].filter((part) => part !== undefined && part !== false);
  const parts = [
    ...ofItems.filter((part) => part !== undefined).slice(0, 1),
    ...left,
    ...[$ref, ...allOf, ...anyOf, ...oneOf, not, test, test].filter((part) => part !== undefined),
  ];
  return parts.length > 1 || [contains, patternProperties, dependentSchemas].some((part) => part !== undefined);
}

/** A judge, of rules that look repeatedly, that judges each value once, if it may be asked often. It remembers what it evaluated, too. */
export function judgingOnce(judge: Judge): Judge {
  return (value, report, evaluated) => {
    if (!remembers(value, report)) {
      report.level++;
      judge(value, report, evaluated);
      report.level--;
      return;
    }
    const memory = memoryOf(report);
    const known = memory.recall(judge, value, report);
    if (known !== undefined && (known.result === REFUSED || !evaluated || known.result instanceof Evaluated)) {
      evaluated?.add(known.result instanceof Evaluated ? known.result : undefined);
      return;
    }
    const since = report.found.length;
    const own = evaluated && new Evaluated();
    report.level++;
    judge(value, report, own);
    report.level--;
    evaluated?.add(own);
    memory.keep(judge, value, report, since, report.found.length === since ? own : REFUSED);
  };
}
