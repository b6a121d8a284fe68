/** Compiles rules to the closures that judge a value. */

import { equal } from "../schema/equal.js";
import { isObject, refuseProfile } from "../schema/json.js";
import { checkNumber, numberRules } from "../schema/number.js";
import { attempt, REFUSED, type Report } from "../schema/report.js";
import { choice, listed } from "../schema/words.js";
import { applicators } from "./applicators.js";
import { Evaluated } from "./evaluated.js";
import { itemsJudge, unevaluatedItemsJudge } from "./items.js";
import { kindJudge } from "./kinds.js";
import { membersJudge, unevaluatedMembersJudge } from "./members.js";
import { judgingOnce, lookRepeatedly } from "./repeats.js";
import type { Rules, RulesObject } from "./rules.js";
import { textJudge } from "./texts.js";

/** Judges a value in its place; says what it evaluated, where somebody asks. */
export type Judge<Value = unknown> = (value: Value, report: Report, evaluated: Evaluated | undefined) => void;

const compiled = new WeakMap<RulesObject, Judge>();

/** The judge of rules. They are compiled once, and what they refer to is compiled on first use. */
export function judgeOf(rules: Rules): Judge {
  if (typeof rules === "boolean") {
    return rules ? acceptAll : refuseAll;
  }
  const known = compiled.get(rules);
  if (known) {
    return known;
  }
  const judge = compile(rules);
  compiled.set(rules, judge);
  return judge;
}

/** Whether a value is accepted; what an accepting judge evaluated counts. */
export function accepts(judge: Judge, value: unknown, report: Report, evaluated: Evaluated | undefined): boolean {
  const inner = evaluated && new Evaluated();
  const since = report.found.length;
  const outcome = attempt(() => (judge(value, report, inner), report.found.length === since ? undefined : REFUSED), value, report);
  if (outcome === REFUSED) {
    return false;
  }
  evaluated?.add(inner);
  return true;
}

/** Judges a part, and puts what was found there under its key. */
export function judgePart(judge: Judge, key: PropertyKey, value: unknown, report: Report): void {
  const since = report.found.length;
  judge(value, report, undefined);
  if (report.found.length !== since) {
    report.under(key, since);
  }
}

/** The judge of items or properties for which no other keyword speaks: there, `false` has its own words. */
export function judgeOfRest(keyword: string, rules: Rules): Judge {
  return rules === false ? (value, report) => void report.add(keyword, "is not allowed", value) : judgeOf(rules);
}

const acceptAll: Judge = (value, report) => void refuseProfile(value, report);

const refuseAll: Judge = (value, report) => void (refuseProfile(value, report) ?? report.add("not", "is not allowed", value));

function compile(rules: RulesObject): Judge {
  const refusesKind = kindJudge(rules.type);
  const choices = choicesJudge(rules);
  const numbers = numberRules(rules);
  const texts = textJudge(rules);
  const items = itemsJudge(rules);
  const members = membersJudge(rules);
  const inPlace = applicators(rules);
  const restOfItems = unevaluatedItemsJudge(rules);
  const restOfMembers = unevaluatedMembersJudge(rules);
  const evaluates = restOfItems !== undefined || restOfMembers !== undefined;

  const judge: Judge = (value, report, asked) => {
    if (report.isFull || refuseProfile(value, report) || refusesKind?.(value, report)) {
      return;
    }
    const evaluated = evaluates ? new Evaluated() : asked;
    const since = report.found.length;
    for (const judge of choices) judge(value, report, evaluated);
    if (typeof value === "number") {
      checkNumber(numbers, value, report);
    } else if (typeof value === "string") {
      texts?.(value, report);
    } else if (Array.isArray(value)) {
      items?.(value, report, evaluated);
    } else if (isObject(value)) {
      members?.(value, report, evaluated);
    }
    for (const judge of inPlace) {
      if (stops(report, since)) {
        return;
      }
      judge(value, report, evaluated);
    }
    if (report.found.length !== since) {
      // What refused the value evaluated nothing of it: that all of it is left over would be no news.
      return;
    }
    if (evaluated && Array.isArray(value)) {
      restOfItems?.(value, report, evaluated);
    } else if (evaluated && isObject(value)) {
      restOfMembers?.(value, report, evaluated);
    }
    if (evaluated !== asked) {
      asked?.add(evaluated);
    }
  };
  return lookRepeatedly(rules) ? judgingOnce(judge) : judge;
}

/** Whether the rest of the rules would say nothing new of a value whose issues begin at `start`. */
export function stops(report: Report, start: number): boolean {
  return report.found.length !== start && (report.isQuiet || report.overflows(start));
}

function choicesJudge(rules: RulesObject): Judge[] {
  const lists = [
    ...(Object.hasOwn(rules, "const") ? [[rules.const]] : []),
    ...(rules.enum === undefined ? [] : [rules.enum]),
  ];
  return lists.map((values) => {
    const [rule, message] = [choice(values), listed(values)];
    return (value, report) => {
      if (!values.some((one) => equal(one, value))) {
        report.add(rule, message, value);
      }
    };
  });
}
