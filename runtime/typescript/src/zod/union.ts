/** Alternatives, tagged or not. */

import * as z from "zod";

import { exact, isObject, run } from "./exact.js";
import { listed, type Payload, refuse, refuseType } from "./issue.js";
import { breach } from "./profile.js";

type Options = readonly z.core.SomeType[];

/** A value that at least one alternative accepts; it is read as the first that does. */
export function anyOf<const Alternatives extends Options>(alternatives: Alternatives): z.ZodUnion<Alternatives> {
  return exactUnion({ type: "union", options: alternatives }, { isExclusive: false }) as unknown as z.ZodUnion<Alternatives>;
}

/** A value that exactly one alternative accepts. */
export function oneOf<const Alternatives extends Options>(alternatives: Alternatives): z.ZodUnion<Alternatives> {
  return exactUnion({ type: "union", options: alternatives }, { isExclusive: true }) as unknown as z.ZodUnion<Alternatives>;
}

const exactUnion = exact<z.ZodUnion, { isExclusive: boolean }>("Union", z.ZodUnion, ({ isExclusive }, _, schema) => {
  return (payload, context) => {
    const options = schema._zod.def.options;
    let accepted: Payload | undefined;
    const from = (index: number): Payload | Promise<Payload> => {
      for (let next = index; next < options.length; next++) {
        const option = options[next] as z.core.SomeType;
        const result = run(option, payload.value, context);
        if (result instanceof Promise) {
          return result.then((settled) => take(settled) ?? from(next + 1));
        }
        const outcome = take(result);
        if (outcome) {
          return outcome;
        }
      }
      return accepted ?? refused(payload, isExclusive);
    };
    // The outcome, as soon as it is certain.
    const take = (result: Payload): Payload | undefined => {
      if (result.issues.length > 0) {
        return undefined;
      }
      if (isExclusive && accepted) {
        return refused(payload, isExclusive);
      }
      accepted = result;
      return isExclusive ? undefined : result;
    };
    return from(0);
  };
});

function refused(payload: Payload, isExclusive: boolean): Payload {
  if (payload.value === undefined) {
    refuse(payload, "required", "is required");
  } else if (isExclusive) {
    refuse(payload, "oneOf", "must match exactly one of the alternatives");
  } else {
    refuse(payload, "anyOf", "must match one of the alternatives");
  }
  return payload;
}

type Cases = Readonly<Record<string, z.core.SomeType>>;

/** What an open tagged union makes of a tag that it does not know. */
type Unknown<Tag extends string> = { [Name in Tag]: string & {} } & { [name: string]: unknown };

/**
 * An object whose own string property `tag` says which case it is.
 *
 * @example
 * f.tagged("kind", { created: CreatedSchema, deleted: DeletedSchema })
 */
export function tagged<const Tag extends string, Each extends Cases>(
  tag: Tag,
  cases: Each,
): z.ZodType<z.output<Each[keyof Each]>, z.input<Each[keyof Each]>> {
  return byTag(tag, cases, false);
}

/** Like {@link tagged}; an object with another tag is accepted as it is. */
export function openTagged<const Tag extends string, Each extends Cases>(
  tag: Tag,
  cases: Each,
): z.ZodType<z.output<Each[keyof Each]> | Unknown<Tag>, z.input<Each[keyof Each]> | Unknown<Tag>> {
  return byTag(tag, cases, true);
}

function byTag<Result>(tag: string, cases: Cases, isOpen: boolean): Result {
  const byName = new Map(Object.entries(cases));
  return exactTagged({ type: "union", options: [...byName.values()] }, { tag, byName, isOpen }) as Result;
}

interface Rules {
  tag: string;
  byName: ReadonlyMap<string, z.core.SomeType>;
  isOpen: boolean;
}

const exactTagged = exact<z.ZodUnion, Rules>("Tagged", z.ZodUnion, ({ tag, byName, isOpen }) => (payload, context) => {
  const input = payload.value;
  if (!isObject(input)) {
    refuseType(payload, "an object");
    return payload;
  }
  if (!Object.hasOwn(input, tag)) {
    refuse(payload, "required", "is required", [tag]);
    return payload;
  }
  const name = input[tag];
  if (typeof name !== "string") {
    refuse(payload, "type", "must be a string", [tag]);
    return payload;
  }
  const found = byName.get(name);
  if (found) {
    return found._zod.run(payload, context);
  }
  const breached = isOpen ? breach(input) : undefined;
  if (breached) {
    refuse(payload, breached.rule, breached.message, breached.path);
  } else if (!isOpen) {
    refuse(payload, byName.size === 1 ? "const" : "enum", listed([...byName.keys()]), [tag]);
  }
  return payload;
});
