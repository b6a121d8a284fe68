/** Keywords for arrays. */

import { checkLength } from "../schema/arrays.js";
import { firstRepeated } from "../schema/equal.js";
import { pluralize } from "../schema/messages.js";
import type { Report } from "../schema/report.js";
import type { Evaluated } from "./evaluated.js";
import type { RulesObject } from "./rules.js";
import { accepts, canStop, validatePart, type Validator, validatorOf, validatorOfRest } from "./validator.js";

type Items = readonly unknown[];

/** Returns the validator of all keywords for arrays except `unevaluatedItems`. */
export function arrayValidator(rules: RulesObject): Validator<Items> | undefined {
  const { minItems = 0, maxItems = Infinity } = rules;
  const each = itemsValidator(rules);
  const contains = containsValidator(rules);
  if (minItems === 0 && maxItems === Infinity && !each && !contains) {
    return undefined;
  }
  return (items, report, evaluated) => {
    const start = report.found.length;
    each?.(items, report, evaluated);
    if (canStop(report, start)) {
      return;
    }
    checkLength(items, minItems, maxItems, report);
    contains?.(items, report, evaluated);
  };
}

/** Returns the validator of `prefixItems`, `items` and `uniqueItems`. */
function itemsValidator({ prefixItems = [], items: rest, uniqueItems = false }: RulesObject): Validator<Items> | undefined {
  if (prefixItems.length === 0 && rest === undefined && !uniqueItems) {
    return undefined;
  }
  const first = prefixItems.map(validatorOf);
  const others = rest === undefined ? undefined : validatorOfRest("items", rest);
  return (items, report, evaluated) => {
    const start = report.found.length;
    const repeated = uniqueItems ? firstRepeated(items) : undefined;
    report.depth++;
    const end = others ? items.length : Math.min(first.length, items.length);
    for (let index = 0; index < Math.max(end, repeated ? repeated.index + 1 : 0); index++) {
      const validator = first[index] ?? others;
      if (validator) {
        validatePart(validator, index, items[index], report);
      }
      if (index === repeated?.index) {
        const since = report.found.length;
        report.add("uniqueItems", `must not repeat item ${repeated.earlier}`, items[index]);
        report.under(index, since);
      }
      if (canStop(report, start)) {
        break;
      }
    }
    report.depth--;
    evaluated?.addItemsBefore(end);
  };
}

function containsValidator({ contains, minContains = 1, maxContains = Infinity }: RulesObject): Validator<Items> | undefined {
  if (contains === undefined) {
    return undefined;
  }
  const validator = validatorOf(contains);
  return (items, report, evaluated) => {
    let count = 0;
    report.depth++;
    for (let index = 0; index < items.length; index++) {
      if (accepts(validator, items[index], report, undefined)) {
        count++;
        evaluated?.addItem(index);
      }
    }
    report.depth--;
    if (count < minContains) {
      const rule = minContains === 1 ? "contains" : "minContains";
      report.add(rule, `must contain at least ${pluralize(minContains, "matching item")}`, items);
    }
    if (count > maxContains) {
      report.add("maxContains", `must contain at most ${pluralize(maxContains, "matching item")}`, items);
    }
  };
}

/** Returns the validator of `unevaluatedItems`. */
export function unevaluatedItemsValidator({ unevaluatedItems }: RulesObject): ((items: Items, report: Report, evaluated: Evaluated) => void) | undefined {
  if (unevaluatedItems === undefined) {
    return undefined;
  }
  const validator = validatorOfRest("unevaluatedItems", unevaluatedItems);
  return (items, report, evaluated) => {
    const start = report.found.length;
    report.depth++;
    for (let index = 0; index < items.length && !canStop(report, start); index++) {
      if (!evaluated.hasItem(index)) {
        validatePart(validator, index, items[index], report);
      }
    }
    report.depth--;
    evaluated.addItemsBefore(items.length);
  };
}
