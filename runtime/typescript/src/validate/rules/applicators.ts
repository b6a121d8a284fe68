/** The keywords that apply other rules to the same value. */

import { Evaluated } from "./evaluated.js";
import { accepts, type Judge, judgeOf } from "./judge.js";
import type { Rules, RulesObject } from "./rules.js";

/** The judges of `$ref`, `allOf`, `anyOf`, `oneOf`, `not` and `if`, in this order. */
export function applicators(rules: RulesObject): Judge[] {
  const judges: Judge[] = [];
  if (rules.$ref) judges.push(inPlace(referred(rules.$ref)));
  for (const inner of rules.allOf ?? []) judges.push(inPlace(judgeOf(inner)));
  if (rules.anyOf?.length) judges.push(anyOf(rules.anyOf));
  if (rules.oneOf?.length) judges.push(oneOf(rules.oneOf));
  if (rules.not !== undefined) judges.push(not(rules.not));
  if (rules.if !== undefined) judges.push(condition(rules.if, rules.then, rules.else));
  return judges;
}

/** Applies rules that must hold; what they evaluate counts where they do. */
export function inPlace(judge: Judge): Judge {
  return (value, report, evaluated) => {
    const inner = evaluated && new Evaluated();
    const since = report.found.length;
    judge(value, report, inner);
    if (report.found.length === since) {
      evaluated?.add(inner);
    }
  };
}

/** Rules that are looked up on first use. */
function referred(look: () => Rules): Judge {
  let judge: Judge | undefined;
  return (value, report, evaluated) => {
    judge ??= judgeOf(look());
    judge(value, report, evaluated);
  };
}

function anyOf(alternatives: readonly Rules[]): Judge {
  const judges = alternatives.map(judgeOf);
  return (value, report, evaluated) => {
    // Every alternative that accepts evaluates; where nobody asks, the first suffices.
    const isAccepted = evaluated
      ? judges.filter((judge) => accepts(judge, value, report, evaluated)).length > 0
      : judges.some((judge) => accepts(judge, value, report, undefined));
    if (!isAccepted) {
      report.add("anyOf", "must match one of the alternatives", value);
    }
  };
}

function oneOf(alternatives: readonly Rules[]): Judge {
  const judges = alternatives.map(judgeOf);
  return (value, report, evaluated) => {
    let accepted: Evaluated | undefined;
    let count = 0;
    for (const judge of judges) {
      const inner = evaluated && new Evaluated();
      if (accepts(judge, value, report, inner)) {
        accepted = inner;
        count++;
      }
      if (count > 1) {
        break;
      }
    }
    if (count === 1) {
      evaluated?.add(accepted);
    } else {
      report.add("oneOf", "must match exactly one of the alternatives", value);
    }
  };
}

function not(rules: Rules): Judge {
  const judge = judgeOf(rules);
  return (value, report) => {
    if (accepts(judge, value, report, undefined)) {
      report.add("not", 'must not match the schema under "not"', value);
    }
  };
}

function condition(test: Rules, then: Rules = true, otherwise: Rules = true): Judge {
  const [ifJudge, thenJudge, elseJudge] = [judgeOf(test), inPlace(judgeOf(then)), inPlace(judgeOf(otherwise))];
  return (value, report, evaluated) => {
    const next = accepts(ifJudge, value, report, evaluated) ? thenJudge : elseJudge;
    next(value, report, evaluated);
  };
}
