/** Keywords for objects. */

import { isWellFormed, rejectName } from "../schema/json.js";
import { pluralize } from "../schema/messages.js";
import type { Report } from "../schema/report.js";
import { matcher, type Pattern } from "../schema/text.js";
import { markIfAccepted } from "./applicators.js";
import type { Evaluated } from "./evaluated.js";
import type { Rules, RulesObject } from "./rules.js";
import { canStop, validatePart, type Validator, validatorOf, validatorOfRest } from "./validator.js";

type Members = Readonly<Record<string, unknown>>;

/** Returns the validator of all keywords for objects except `unevaluatedProperties`. */
export function objectValidator(rules: RulesObject): Validator<Members> | undefined {
  const validators = [propertiesValidator(rules), countValidator(rules), presenceValidator(rules), dependentValidator(rules)];
  const present = validators.filter((validator) => validator !== undefined);
  if (present.length === 0) {
    return undefined;
  }
  return (members, report, evaluated) => {
    const start = report.found.length;
    for (const validator of present) {
      validator(members, report, evaluated);
      if (canStop(report, start)) {
        return;
      }
    }
  };
}

/** Returns the validator of `minProperties` and `maxProperties`. */
function countValidator({ minProperties = 0, maxProperties = Infinity }: RulesObject): Validator<Members> | undefined {
  if (minProperties === 0 && maxProperties === Infinity) {
    return undefined;
  }
  return (members, report) => {
    const count = Object.keys(members).length;
    if (count < minProperties) {
      report.add("minProperties", `must have at least ${pluralize(minProperties, "property", "properties")}`, members);
    }
    if (count > maxProperties) {
      report.add("maxProperties", `must have at most ${pluralize(maxProperties, "property", "properties")}`, members);
    }
  };
}

/** Returns the validator of `required` and `dependentRequired`. */
function presenceValidator({ required = [], dependentRequired = {} }: RulesObject): Validator<Members> | undefined {
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
        report.missing(name, "dependentRequired", `is required when ${JSON.stringify(trigger)} is present`);
      }
    }
  };
}

/** Returns the validator of `propertyNames`, `properties`, `patternProperties` and `additionalProperties`. */
function propertiesValidator(rules: RulesObject): Validator<Members> | undefined {
  const { properties = {}, patternProperties = {}, additionalProperties, propertyNames } = rules;
  const declared = new Map(Object.entries(properties).map(([name, inner]) => [name, validatorOf(inner)]));
  const pairs: readonly (readonly [Pattern, Rules])[] = Array.isArray(patternProperties)
    ? patternProperties
    : Object.entries(patternProperties);
  const patterns = pairs.map(([pattern, inner]) => ({ pattern: matcher(pattern), validator: validatorOf(inner) }));
  const others = additionalProperties === undefined ? undefined : validatorOfRest("additionalProperties", additionalProperties);
  const ofName = propertyNames === undefined ? undefined : nameValidator(propertyNames);
  if (declared.size === 0 && patterns.length === 0 && !others && !ofName) {
    return undefined;
  }

  const validateProperty = (name: string, value: unknown, report: Report, evaluated: Evaluated | undefined): void => {
    if (!isWellFormed(name)) {
      rejectName(value, report);
      return;
    }
    ofName?.(name, report);
    const own = declared.get(name);
    own?.(value, report, undefined);
    let isMatched = own !== undefined;
    for (const { pattern, validator } of patterns) {
      if (pattern.test(name)) {
        validator(value, report, undefined);
        isMatched = true;
      }
    }
    if (!isMatched) {
      others?.(value, report, undefined);
    }
    if (isMatched || others) {
      evaluated?.addName(name);
    }
  };

  return (members, report, evaluated) => {
    const start = report.found.length;
    report.depth++;
    for (const name of Object.keys(members)) {
      const since = report.found.length;
      validateProperty(name, members[name], report, evaluated);
      report.under(name, since);
      if (canStop(report, start)) {
        break;
      }
    }
    report.depth--;
  };
}

/** Returns the validator of `propertyNames`. Issues of a name have the path of its value. */
function nameValidator(rules: Rules): (name: string, report: Report) => void {
  const validator = validatorOf(rules);
  return (name, report) => {
    const since = report.found.length;
    validator(name, report, undefined);
    for (const found of report.found.splice(since)) {
      report.add("propertyNames", `its name ${found.message}`, name);
    }
  };
}

function dependentValidator({ dependentSchemas = {} }: RulesObject): Validator<Members> | undefined {
  const validators = Object.entries(dependentSchemas).map(([name, inner]) => ({ name, validator: markIfAccepted(validatorOf(inner)) }));
  if (validators.length === 0) {
    return undefined;
  }
  return (members, report, evaluated) => {
    for (const { name, validator } of validators) {
      if (Object.hasOwn(members, name)) {
        validator(members, report, evaluated);
      }
    }
  };
}

/** Returns the validator of `unevaluatedProperties`. */
export function unevaluatedPropertiesValidator({ unevaluatedProperties }: RulesObject): ((members: Members, report: Report, evaluated: Evaluated) => void) | undefined {
  if (unevaluatedProperties === undefined) {
    return undefined;
  }
  const validator = validatorOfRest("unevaluatedProperties", unevaluatedProperties);
  return (members, report, evaluated) => {
    const start = report.found.length;
    report.depth++;
    for (const name of Object.keys(members)) {
      if (!evaluated.hasName(name)) {
        validatePart(validator, name, members[name], report);
        evaluated.addName(name);
      }
      if (canStop(report, start)) {
        break;
      }
    }
    report.depth--;
  };
}
