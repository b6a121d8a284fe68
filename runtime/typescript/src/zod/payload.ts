/** A whole payload, as it comes from the wire. */

import * as z from "zod";

import { exact } from "./exact.js";
import { refuse } from "./issue.js";
import { breach } from "./profile.js";

/**
 * A whole payload: the wire profile is held first (at most 127 levels of nesting,
 * finite numbers, no lone surrogates, also where the schema does not look), then
 * the schema.
 *
 * @example
 * topics: { status: { payload: f.payload(StatusSchema) } }
 */
export function payload<Schema extends z.core.SomeType>(schema: Schema): z.ZodType<z.output<Schema>, z.input<Schema>> {
  return exactPayload({ type: "payload" }, schema) as z.ZodType<z.output<Schema>, z.input<Schema>>;
}

const exactPayload = exact<z.ZodType, z.core.SomeType>("Payload", z.ZodType, (inner) => {
  return (value, context) => {
    const found = context.direction === "backward" ? undefined : breach(value.value);
    if (found) {
      refuse(value, found.rule, found.message, found.path);
      return value;
    }
    return inner._zod.run(value, context);
  };
});
