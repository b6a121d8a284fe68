/**
 * How a zod class gets an exact reading of its own.
 *
 * The class stays a zod class in every other respect: `instanceof`, `.extend()`,
 * `.optional()`, `z.toJSONSchema()`. Its clones keep the reading, because zod
 * clones by constructor and definition.
 */

import * as z from "zod";

import type { Payload } from "./issue.js";

/** Reads `payload.value`: adds issues, or replaces it by the output. */
export type Reading = (payload: Payload, context: z.core.ParseContextInternal) => Payload | Promise<Payload>;

/** The schema's definition, kept by its clones, with what the reading needs. */
export type With<Rules, Definition> = Definition & { rules: Rules };

interface Trait {
  _zod: { def: object; parse: Reading };
}

/** A subclass of the zod class `parent` whose values are read by what `reading` returns. */
export function exact<Schema extends Trait, Rules>(
  name: string,
  parent: { init(schema: Schema, definition: never): void },
  reading: (rules: Rules, base: Reading, schema: Schema) => Reading,
): (definition: object, rules: Rules) => Schema {
  const Exact = z.core.$constructor<Schema, With<Rules, object>>(`Fanfare${name}`, (schema, definition) => {
    parent.init(schema, definition as never);
    schema._zod.parse = reading(definition.rules, schema._zod.parse, schema);
  });
  // `coerce` keeps `z.compile` from replacing the reading by its own: it leaves coercing schemas alone.
  return (definition, rules) => {
    const exactly = { ...definition, coerce: true, rules };
    return new Exact(exactly);
  };
}

/** Continues with a result that is a promise only in an asynchronous parse. */
export function after<Result>(
  result: Payload | Promise<Payload>,
  next: (payload: Payload) => Result | Promise<Result>,
): Result | Promise<Result> {
  return result instanceof Promise ? result.then(next) : next(result);
}

/** Runs a schema on a value of its own. */
export function run(schema: z.core.SomeType, value: unknown, context: z.core.ParseContextInternal): Payload | Promise<Payload> {
  return schema._zod.run({ value, issues: [] }, context);
}

/** Moves the issues of a part to the whole. */
export function adopt(whole: Payload, key: PropertyKey, part: Payload): void {
  for (const issue of part.issues) {
    whole.issues.push({ ...issue, path: [key, ...(issue.path ?? [])] });
  }
}

/** Whether a value is a JSON object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Sets an own property, even where it is called `__proto__`. */
export function setOwn(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name === "__proto__") {
    Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
  } else {
    object[name] = value;
  }
}
