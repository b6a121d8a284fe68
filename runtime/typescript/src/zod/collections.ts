/** Arrays, tuples, maps, and `null` beside something else. */

import * as z from "zod";

import { adopt, after, exact, isObject, run, setOwn } from "./exact.js";
import { counted, mustBe, refuse, refuseType, type Payload } from "./issue.js";
import { isWellFormed } from "./string.js";

/** How many items an array may have. */
export interface ArrayLimits {
  minItems?: number;
  maxItems?: number;
}

/** An array whose items are all alike. */
export function array<Item extends z.core.SomeType>(item: Item, limits: ArrayLimits = {}): z.ZodArray<Item> {
  const error = mustBe("an array");
  const { minItems = 0, maxItems = Infinity } = limits;
  if (minItems === 0 && maxItems === Infinity) {
    return z.array(item, { error });
  }
  return limitedArray({ type: "array", element: item, error }, { minItems, maxItems }) as unknown as z.ZodArray<Item>;
}

const limitedArray = exact<z.ZodArray, Required<ArrayLimits>>("Array", z.ZodArray, ({ minItems, maxItems }, base, schema) => {
  Object.assign(schema._zod.bag, { minimum: minItems }, maxItems < Infinity ? { maximum: maxItems } : {});
  return (payload, context) => {
    const input = payload.value;
    return after(base(payload, context), (result) => {
      if (Array.isArray(input) && input.length < minItems) {
        refuse(result, "minItems", `must have at least ${counted(minItems, "item")}`);
      }
      if (Array.isArray(input) && input.length > maxItems) {
        refuse(result, "maxItems", `must have at most ${counted(maxItems, "item")}`);
      }
      return result;
    });
  };
});

/** An array of exactly these items. */
export function tuple<const Items extends readonly [] | readonly z.core.SomeType[]>(items: Items): z.ZodTuple<Items, null> {
  return exactTuple({ type: "tuple", items, rest: null }, items) as unknown as z.ZodTuple<Items, null>;
}

const exactTuple = exact<z.ZodTuple, readonly z.core.SomeType[]>("Tuple", z.ZodTuple, (items) => (payload, context) => {
  const input: unknown = payload.value;
  if (!Array.isArray(input)) {
    refuseType(payload, "an array");
    return payload;
  }
  const output: unknown[] = [];
  payload.value = output;
  const pending = items.slice(0, input.length).map((item, index) =>
    after(run(item, input[index], context), (result) => {
      adopt(payload, index, result);
      output[index] = result.value;
    }),
  );
  if (input.length !== items.length) {
    const rule = input.length < items.length ? "minItems" : "maxItems";
    refuse(payload, rule, `must have exactly ${counted(items.length, "item")}`);
  }
  return pending.some((item) => item instanceof Promise) ? Promise.all(pending).then(() => payload) : payload;
});

/** An object whose values are all alike; every name is an ordinary one, `__proto__` too. */
export function map<Value extends z.core.SomeType>(value: Value): z.ZodRecord<z.ZodString, Value> {
  return exactMap({ type: "record", keyType: z.string(), valueType: value }, value) as unknown as z.ZodRecord<z.ZodString, Value>;
}

const exactMap = exact<z.ZodRecord, z.core.SomeType>("Map", z.ZodRecord, (values) => (payload, context) => {
  const input = payload.value;
  if (!isObject(input)) {
    refuseType(payload, "an object");
    return payload;
  }
  const output: Record<string, unknown> = {};
  payload.value = output;
  const pending: Promise<void>[] = [];
  for (const name of Object.keys(input)) {
    if (!isWellFormed(name)) {
      refuse(payload, "type", "must not have a lone surrogate in its name", [name]);
      continue;
    }
    const member = after(run(values, input[name], context), (result) => take(payload, output, name, result));
    if (member instanceof Promise) {
      pending.push(member);
    }
  }
  return pending.length > 0 ? Promise.all(pending).then(() => payload) : payload;
});

function take(payload: Payload, output: Record<string, unknown>, name: string, member: Payload): void {
  if (member.issues.length > 0) {
    adopt(payload, name, member);
  }
  setOwn(output, name, member.value);
}

/** A value of the schema, or `null`. */
export function nullable<Schema extends z.core.SomeType>(schema: Schema): z.ZodNullable<Schema> {
  return z.nullable(schema);
}
