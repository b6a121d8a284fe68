/** Keywords that apply other rules to the same value. */

import { collectIssues, rejectSeveral, rejectUnmatched } from "../schema/alternatives.js";
import type { Alternative, Found, Report } from "../schema/report.js";
import { Evaluated } from "./evaluated.js";
import { namesOf } from "./names.js";
import type { Rules, RulesObject } from "./rules.js";
import { accepts, type Validator, validatorOf } from "./validator.js";

/** Returns the validators of `$ref`, `allOf`, `anyOf`, `oneOf`, `not` and `if`, in this order. */
export function applicators(rules: RulesObject): Validator[] {
  const validators: Validator[] = [];
  if (rules.$ref) validators.push(markIfAccepted(reference(rules.$ref)));
  for (const inner of rules.allOf ?? []) validators.push(markIfAccepted(validatorOf(inner)));
  if (rules.anyOf?.length) validators.push(anyOf(rules.anyOf));
  if (rules.oneOf?.length) validators.push(oneOf(rules.oneOf));
  if (rules.not !== undefined) validators.push(not(rules.not));
  if (rules.if !== undefined) validators.push(condition(rules.if, rules.then, rules.else));
  return validators;
}

/** Wraps a validator so that it marks parts as evaluated only if it accepts the value. */
export function markIfAccepted(validator: Validator): Validator {
  return (value, report, evaluated) => {
    const inner = evaluated && new Evaluated();
    const since = report.found.length;
    validator(value, report, inner);
    if (report.found.length === since) {
      evaluated?.add(inner);
    }
  };
}

/** Compiles referenced rules on first use. */
function reference(getRules: () => Rules): Validator {
  let validator: Validator | undefined;
  return (value, report, evaluated) => {
    validator ??= validatorOf(getRules());
    validator(value, report, evaluated);
  };
}

/** Returns the alternatives of a union. Validators of alternatives read values without output. */
function alternativesOf(rules: readonly Rules[]): (Pick<Alternative, "names"> & { readonly validator: Validator })[] {
  return rules.map((one) => ({ validator: validatorOf(one), names: (levels) => namesOf(one, levels) }));
}

function collect(validator: Validator, value: unknown, report: Report): readonly Found[] {
  return collectIssues((value, part) => validator(value, part, undefined), value, report);
}

function anyOf(rules: readonly Rules[]): Validator {
  const alternatives = alternativesOf(rules);
  return (value, report, evaluated) => {
    // All alternatives that accept mark parts as evaluated. If no keyword needs that, the first suffices.
    const isAccepted = evaluated
      ? alternatives.filter(({ validator }) => accepts(validator, value, report, evaluated)).length > 0
      : alternatives.some(({ validator }) => accepts(validator, value, report, undefined));
    if (!isAccepted) {
      rejectUnmatched("anyOf", alternatives, value, report, ({ validator }) => collect(validator, value, report));
    }
  };
}

function oneOf(rules: readonly Rules[]): Validator {
  const alternatives = alternativesOf(rules);
  return (value, report, evaluated) => {
    let accepted: Evaluated | undefined;
    let count = 0;
    for (const { validator } of alternatives) {
      const inner = evaluated && new Evaluated();
      if (accepts(validator, value, report, inner)) {
        accepted = inner;
        count++;
      }
      if (count > 1) {
        break;
      }
    }
    if (count === 1) {
      evaluated?.add(accepted);
    } else if (count === 0) {
      rejectUnmatched("oneOf", alternatives, value, report, ({ validator }) => collect(validator, value, report));
    } else {
      rejectSeveral(alternatives, value, report, ({ validator }) => accepts(validator, value, report, undefined));
    }
  };
}

function not(rules: Rules): Validator {
  const validator = validatorOf(rules);
  return (value, report) => {
    if (accepts(validator, value, report, undefined)) {
      report.add("not", 'must not match the schema under "not"', value);
    }
  };
}

function condition(test: Rules, then: Rules = true, otherwise: Rules = true): Validator {
  const [ifValidator, thenValidator, elseValidator] = [validatorOf(test), markIfAccepted(validatorOf(then)), markIfAccepted(validatorOf(otherwise))];
  return (value, report, evaluated) => {
    const next = accepts(ifValidator, value, report, evaluated) ? thenValidator : elseValidator;
    next(value, report, evaluated);
  };
}
