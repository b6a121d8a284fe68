/** Keywords that apply other rules to the same value. */

import { Evaluated } from "./evaluated.js";
import type { Rules, RulesObject } from "./rules.js";
import { accepts, type Validator, validatorOf } from "./validator.js";

/** Returns the validators of `$ref`, `allOf`, `anyOf`, `oneOf`, `not` and `if`, in this order. */
export function applicators(rules: RulesObject): Validator[] {
  const validators: Validator[] = [];
  if (rules.$ref) validators.push(inPlace(reference(rules.$ref)));
  for (const inner of rules.allOf ?? []) validators.push(inPlace(validatorOf(inner)));
  if (rules.anyOf?.length) validators.push(anyOf(rules.anyOf));
  if (rules.oneOf?.length) validators.push(oneOf(rules.oneOf));
  if (rules.not !== undefined) validators.push(not(rules.not));
  if (rules.if !== undefined) validators.push(condition(rules.if, rules.then, rules.else));
  return validators;
}

/** Wraps a validator so that it marks parts as evaluated only if it accepts the value. */
export function inPlace(validator: Validator): Validator {
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

function anyOf(alternatives: readonly Rules[]): Validator {
  const validators = alternatives.map(validatorOf);
  return (value, report, evaluated) => {
    // All alternatives that accept mark parts as evaluated. If no keyword needs that, the first suffices.
    const isAccepted = evaluated
      ? validators.filter((validator) => accepts(validator, value, report, evaluated)).length > 0
      : validators.some((validator) => accepts(validator, value, report, undefined));
    if (!isAccepted) {
      report.add("anyOf", "must match one of the alternatives", value);
    }
  };
}

function oneOf(alternatives: readonly Rules[]): Validator {
  const validators = alternatives.map(validatorOf);
  return (value, report, evaluated) => {
    let accepted: Evaluated | undefined;
    let count = 0;
    for (const validator of validators) {
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
    } else {
      report.add("oneOf", "must match exactly one of the alternatives", value);
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
  const [ifValidator, thenValidator, elseValidator] = [validatorOf(test), inPlace(validatorOf(then)), inPlace(validatorOf(otherwise))];
  return (value, report, evaluated) => {
    const next = accepts(ifValidator, value, report, evaluated) ? thenValidator : elseValidator;
    next(value, report, evaluated);
  };
}
