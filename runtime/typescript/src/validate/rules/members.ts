/** The keywords that bind objects. */

import { isWellFormed, refuseName } from "../schema/json.js";
import type { Report } from "../schema/report.js";
import { matcher, type Pattern } from "../schema/text.js";
import { counted } from "../schema/words.js";
import { inPlace } from "./applicators.js";
import type { Evaluated } from "./evaluated.js";
import { type Judge, judgeOf, judgeOfRest, judgePart, stops } from "./judge.js";
import type { Rules, RulesObject } from "./rules.js";

type Members = Readonly<Record<string, unknown>>;

/** Judges objects by all keywords for them but `unevaluatedProperties`. */
export function membersJudge(rules: RulesObject): Judge<Members> | undefined {
  const judges = [eachMember(rules), countJudge(rules), presenceJudge(rules), dependentJudge(rules)];
  const present = judges.filter((judge) => judge !== undefined);
  if (present.length === 0) {
    return undefined;
  }
  return (members, report, evaluated) => {
    const start = report.found.length;
    for (const judge of present) {
      judge(members, report, evaluated);
      if (stops(report, start)) {
        return;
      }
    }
  };
}

/** `minProperties` and `maxProperties`. */
function countJudge({ minProperties = 0, maxProperties = Infinity }: RulesObject): Judge<Members> | undefined {
  if (minProperties === 0 && maxProperties === Infinity) {
    return undefined;
  }
  return (members, report) => {
    const count = Object.keys(members).length;
    if (count < minProperties) {
      report.add("minProperties", `must have at least ${counted(minProperties, "property", "properties")}`, members);
    }
    if (count > maxProperties) {
      report.add("maxProperties", `must have at most ${counted(maxProperties, "property", "properties")}`, members);
    }
  };
}

/** `required` and `dependentRequired`. */
function presenceJudge({ required = [], dependentRequired = {} }: RulesObject): Judge<Members> | undefined {
  const dependent = Object.entries(dependentRequired);
  if (required.length === 0 && dependent.length === 0) {
    return undefined;
  }
  return (members, report) => {
    for (const name of required) {
      if (!Object.hasOwn(members, name)) {
        report.missing(name);
      }
    }
    for (const [trigger, names] of dependent) {
      if (!Object.hasOwn(members, trigger)) {
        continue;
      }
      for (const name of names.filter((name) => !Object.hasOwn(members, name))) {
        report.missing(name, "dependentRequired", `is required beside ${JSON.stringify(trigger)}`);
      }
    }
  };
}

/** `propertyNames`, `properties`, `patternProperties` and `additionalProperties`. */
function eachMember(rules: RulesObject): Judge<Members> | undefined {
  const { properties = {}, patternProperties = {}, additionalProperties, propertyNames } = rules;
  const declared = new Map(Object.entries(properties).map(([name, inner]) => [name, judgeOf(inner)]));
  const pairs: readonly (readonly [Pattern, Rules])[] = Array.isArray(patternProperties)
    ? patternProperties
    : Object.entries(patternProperties);
  const patterns = pairs.map(([pattern, inner]) => ({ pattern: matcher(pattern), judge: judgeOf(inner) }));
  const others = additionalProperties === undefined ? undefined : judgeOfRest("additionalProperties", additionalProperties);
  const ofName = propertyNames === undefined ? undefined : nameJudge(propertyNames);
  if (declared.size === 0 && patterns.length === 0 && !others && !ofName) {
    return undefined;
  }

  const judgeMember = (name: string, value: unknown, report: Report, evaluated: Evaluated | undefined): void => {
    if (!isWellFormed(name)) {
      refuseName(value, report);
      return;
    }
    ofName?.(name, report);
    const own = declared.get(name);
    own?.(value, report, undefined);
    let isMatched = own !== undefined;
    for (const { pattern, judge } of patterns) {
      if (pattern.test(name)) {
        judge(value, report, undefined);
        isMatched = true;
      }
    }
    if (!isMatched) {
      others?.(value, report, undefined);
    }
    if (isMatched || others) {
      evaluated?.name(name);
    }
  };

  return (members, report, evaluated) => {
    const start = report.found.length;
    report.depth++;
    for (const name of Object.keys(members)) {
      const since = report.found.length;
      judgeMember(name, members[name], report, evaluated);
      report.under(name, since);
      if (stops(report, start)) {
        break;
      }
    }
    report.depth--;
  };
}

/** Judges names; what is wrong with one is told where its value stands. */
function nameJudge(rules: Rules): (name: string, report: Report) => void {
  const judge = judgeOf(rules);
  return (name, report) => {
    const since = report.found.length;
    judge(name, report, undefined);
    for (const found of report.found.splice(since)) {
      report.add("propertyNames", `its name ${found.message}`, name);
    }
  };
}

function dependentJudge({ dependentSchemas = {} }: RulesObject): Judge<Members> | undefined {
  const judges = Object.entries(dependentSchemas).map(([name, inner]) => ({ name, judge: inPlace(judgeOf(inner)) }));
  if (judges.length === 0) {
    return undefined;
  }
  return (members, report, evaluated) => {
    for (const { name, judge } of judges) {
      if (Object.hasOwn(members, name)) {
        judge(members, report, evaluated);
      }
    }
  };
}

/** Judges the members that nothing has spoken for. */
export function unevaluatedMembersJudge({ unevaluatedProperties }: RulesObject): ((members: Members, report: Report, evaluated: Evaluated) => void) | undefined {
  if (unevaluatedProperties === undefined) {
    return undefined;
  }
  const judge = judgeOfRest("unevaluatedProperties", unevaluatedProperties);
  return (members, report, evaluated) => {
    const start = report.found.length;
    report.depth++;
    for (const name of Object.keys(members)) {
      if (!evaluated.hasName(name)) {
        judgePart(judge, name, members[name], report);
        evaluated.name(name);
      }
      if (stops(report, start)) {
        break;
      }
    }
    report.depth--;
  };
}
