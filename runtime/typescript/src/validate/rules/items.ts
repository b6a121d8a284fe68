/** The keywords that bind arrays. */

import { checkLength } from "../schema/arrays.js";
import { firstRepeated } from "../schema/equal.js";
import type { Report } from "../schema/report.js";
import { counted } from "../schema/words.js";
import type { Evaluated } from "./evaluated.js";
import { accepts, type Judge, judgeOf, judgeOfRest, judgePart, stops } from "./judge.js";
import type { RulesObject } from "./rules.js";

type Items = readonly unknown[];

/** Judges arrays by all keywords for them but `unevaluatedItems`. */
export function itemsJudge(rules: RulesObject): Judge<Items> | undefined {
  const { minItems = 0, maxItems = Infinity } = rules;
  const each = eachItem(rules);
  const contains = containsJudge(rules);
  if (minItems === 0 && maxItems === Infinity && !each && !contains) {
    return undefined;
  }
  return (items, report, evaluated) => {
    const start = report.found.length;
    each?.(items, report, evaluated);
    if (stops(report, start)) {
      return;
    }
    checkLength(items, minItems, maxItems, report);
    contains?.(items, report, evaluated);
  };
}

/** `prefixItems`, `items` and `uniqueItems`. */
function eachItem({ prefixItems = [], items: rest, uniqueItems = false }: RulesObject): Judge<Items> | undefined {
  if (prefixItems.length === 0 && rest === undefined && !uniqueItems) {
    return undefined;
  }
  const first = prefixItems.map(judgeOf);
  const others = rest === undefined ? undefined : judgeOfRest("items", rest);
  return (items, report, evaluated) => {
    const start = report.found.length;
    const repeated = uniqueItems ? firstRepeated(items) : undefined;
    report.depth++;
    const end = others ? items.length : Math.min(first.length, items.length);
    for (let index = 0; index < Math.max(end, repeated ? repeated.index + 1 : 0); index++) {
      const judge = first[index] ?? others;
      if (judge) {
        judgePart(judge, index, items[index], report);
      }
      if (index === repeated?.index) {
        const since = report.found.length;
        report.add("uniqueItems", `must not repeat item ${repeated.earlier}`, items[index]);
        report.under(index, since);
      }
      if (stops(report, start)) {
        break;
      }
    }
    report.depth--;
    evaluated?.itemsBefore(end);
  };
}

function containsJudge({ contains, minContains = 1, maxContains = Infinity }: RulesObject): Judge<Items> | undefined {
  if (contains === undefined) {
    return undefined;
  }
  const judge = judgeOf(contains);
  return (items, report, evaluated) => {
    let count = 0;
    report.depth++;
    for (let index = 0; index < items.length; index++) {
      if (accepts(judge, items[index], report, undefined)) {
        count++;
        evaluated?.item(index);
      }
    }
    report.depth--;
    if (count < minContains) {
      const rule = minContains === 1 ? "contains" : "minContains";
      report.add(rule, `must contain at least ${counted(minContains, "matching item")}`, items);
    }
    if (count > maxContains) {
      report.add("maxContains", `must contain at most ${counted(maxContains, "matching item")}`, items);
    }
  };
}

/** Judges the items that nothing has spoken for. */
export function unevaluatedItemsJudge({ unevaluatedItems }: RulesObject): ((items: Items, report: Report, evaluated: Evaluated) => void) | undefined {
  if (unevaluatedItems === undefined) {
    return undefined;
  }
  const judge = judgeOfRest("unevaluatedItems", unevaluatedItems);
  return (items, report, evaluated) => {
    const start = report.found.length;
    report.depth++;
    for (let index = 0; index < items.length && !stops(report, start); index++) {
      if (!evaluated.hasItem(index)) {
        judgePart(judge, index, items[index], report);
      }
    }
    report.depth--;
    evaluated.itemsBefore(items.length);
  };
}
