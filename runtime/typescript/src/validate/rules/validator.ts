/** Compiles rules to validators. */

import { isEqual } from "../schema/equal.js";
import { isObject, rejectByProfile } from "../schema/json.js";
import { choiceRejecter } from "../schema/messages.js";
import { checkNumber, numberRules } from "../schema/number.js";
import { attempt, REJECTED, type Report } from "../schema/report.js";
import { applicators } from "./applicators.js";
import { arrayValidator, unevaluatedItemsValidator } from "./arrays.js";
import { Evaluated } from "./evaluated.js";
import { memoize, revisitsValues } from "./memoize.js";
import { objectValidator, unevaluatedPropertiesValidator } from "./objects.js";
import type { Rules, RulesObject } from "./rules.js";
import { stringValidator } from "./strings.js";
import { typeValidator } from "./type-keyword.js";

/**
 * Adds the issues of a value to a report, and marks the parts that were evaluated, if a keyword needs
 * them.
 */
export type Validator<Value = unknown> = (value: Value, report: Report, evaluated: Evaluated | undefined) => void;

const compiled = new WeakMap<RulesObject, Validator>();

/** Returns the validator of rules. Rules are compiled once, and references on first use. */
export function validatorOf(rules: Rules): Validator {
  if (typeof rules === "boolean") {
    return rules ? acceptAll : rejectAll;
  }
  const known = compiled.get(rules);
  if (known) {
    return known;
  }
  const validator = compile(rules);
  compiled.set(rules, validator);
  return validator;
}

/** Returns `true` if a validator accepts a value. Only then are its evaluated parts marked. */
export function accepts(validator: Validator, value: unknown, report: Report, evaluated: Evaluated | undefined): boolean {
  const inner = evaluated && new Evaluated();
  const since = report.found.length;
  const outcome = attempt(() => (validator(value, report, inner), report.found.length === since ? undefined : REJECTED), value, report);
  if (outcome === REJECTED) {
    return false;
  }
  evaluated?.add(inner);
  return true;
}

/** Validates a part of a value, and adds its key to the paths of its issues. */
export function validatePart(validator: Validator, key: PropertyKey, value: unknown, report: Report): void {
  const since = report.found.length;
  validator(value, report, undefined);
  if (report.found.length !== since) {
    report.under(key, since);
  }
}

/** Returns the validator of remaining items or properties. The rules `false` have their own message. */
export function validatorOfRest(keyword: string, rules: Rules): Validator {
  return rules === false ? (value, report) => void report.add(keyword, "is not allowed", value) : validatorOf(rules);
}

const acceptAll: Validator = (value, report) => void rejectByProfile(value, report);

const rejectAll: Validator = (value, report) => void (rejectByProfile(value, report) ?? report.add("not", "is not allowed", value));

function compile(rules: RulesObject): Validator {
  const rejectsType = typeValidator(rules.type);
  const choices = choiceValidators(rules);
  const numbers = numberRules(rules);
  const texts = stringValidator(rules);
  const items = arrayValidator(rules);
  const members = objectValidator(rules);
  const subschemas = applicators(rules);
  const restOfItems = unevaluatedItemsValidator(rules);
  const restOfProperties = unevaluatedPropertiesValidator(rules);
  const evaluates = restOfItems !== undefined || restOfProperties !== undefined;

  const validator: Validator = (value, report, asked) => {
    if (report.isFull || rejectByProfile(value, report) || rejectsType?.(value, report)) {
      return;
    }
    const evaluated = evaluates ? new Evaluated() : asked;
    const since = report.found.length;
    for (const validator of choices) validator(value, report, evaluated);
    if (typeof value === "number") {
      checkNumber(numbers, value, report);
    } else if (typeof value === "string") {
      texts?.(value, report);
    } else if (Array.isArray(value)) {
      items?.(value, report, evaluated);
    } else if (isObject(value)) {
      members?.(value, report, evaluated);
    }
    for (const validator of subschemas) {
      if (canStop(report, since)) {
        return;
      }
      validator(value, report, evaluated);
    }
    if (report.found.length !== since) {
      // A keyword that rejects the value marks nothing, so that `unevaluated…` would report every part.
      return;
    }
    if (evaluated && Array.isArray(value)) {
      restOfItems?.(value, report, evaluated);
    } else if (evaluated && isObject(value)) {
      restOfProperties?.(value, report, evaluated);
    }
    if (evaluated !== asked) {
      asked?.add(evaluated);
    }
  };
  return revisitsValues(rules) ? memoize(validator) : validator;
}

/** Returns `true` if the remaining rules need not be applied to a value whose issues begin at `start`. */
export function canStop(report: Report, start: number): boolean {
  return report.found.length !== start && (report.isQuiet || report.overflows(start));
}

function choiceValidators(rules: RulesObject): Validator[] {
  const lists = [
    ...(Object.hasOwn(rules, "const") ? [[rules.const]] : []),
    ...(rules.enum === undefined ? [] : [rules.enum]),
  ];
  return lists.map((values) => {
    const reject = choiceRejecter(values);
    return (value, report) => {
      if (!values.some((one) => isEqual(one, value))) {
        reject(value, report);
      }
    };
  });
}
