/** Objects with named properties. */

import * as z from "zod";

import { adopt, after, exact, isObject, type Reading, run, setOwn } from "./exact.js";
import { mustBe, type Payload, refuse } from "./issue.js";

type Shape = z.core.$ZodShape;

/**
 * An object; properties that it does not declare are accepted and left out.
 *
 * @example
 * f.object({ message: f.string(), progress: f.integer({ minimum: 0 }).optional() })
 */
export function object<Properties extends Shape>(properties: Properties): z.ZodObject<Properties, z.core.$strip> {
  if (!hasInheritedName(properties)) {
    // Zod's own reading is exact for these.
    return z.object(properties, { error: mustBe("an object") });
  }
  return exactly(properties, undefined);
}

/** An object with no other properties than these. */
export function strictObject<Properties extends Shape>(properties: Properties): z.ZodObject<Properties, z.core.$strict> {
  return exactly(properties, z.never({ error: "is not allowed" }));
}

/** An object whose other properties are all alike. */
export function objectWith<Properties extends Shape, Others extends z.core.SomeType>(
  properties: Properties,
  others: Others,
): z.ZodObject<Properties, WithOthers<Properties, Others>> {
  return exactly(properties, others);
}

/** An index signature speaks of the declared properties too. */
export interface WithOthers<Properties extends Shape, Others extends z.core.SomeType> {
  out: Record<string, z.output<Others> | z.output<Properties[keyof Properties]>>;
  in: Record<string, z.input<Others> | z.input<Properties[keyof Properties]>>;
}

function exactly<Result>(shape: Shape, catchall: z.core.SomeType | undefined): Result {
  const error = mustBe("an object");
  return exactObject({ type: "object", shape, error, ...(catchall && { catchall }) }, undefined) as Result;
}

/** Zod skips what is called `__proto__`, and takes what an object inherits for its own. */
const exactObject = exact<z.ZodObject, undefined>("Object", z.ZodObject, (_, base, schema): Reading => {
  let inherits: boolean | undefined;
  return (payload, context) => {
    const input = payload.value;
    if (!isObject(input)) {
      return base(payload, context);
    }
    const { shape, catchall } = schema._zod.def;
    inherits ??= hasInheritedName(shape);
    if (inherits) {
      payload.value = Object.assign(Object.create(null), input);
    }
    return after(base(payload, context), (result) => {
      if (Object.hasOwn(shape, "__proto__")) {
        return readProto(result, input, shape["__proto__"], context);
      }
      return Object.hasOwn(input, "__proto__") && catchall ? readOtherProto(result, input, catchall, context) : result;
    });
  };
});

function readProto(
  payload: Payload,
  input: Record<string, unknown>,
  schema: z.core.SomeType | undefined,
  context: z.core.ParseContextInternal,
): Payload | Promise<Payload> {
  const isPresent = Object.hasOwn(input, "__proto__");
  if (schema === undefined || (!isPresent && schema._zod.optin !== undefined)) {
    return payload;
  }
  return after(run(schema, isPresent ? input["__proto__"] : undefined, context), (member) => {
    forgetProto(payload);
    adopt(payload, "__proto__", member);
    if (isPresent) {
      setOwn(payload.value as Record<string, unknown>, "__proto__", member.value);
    }
    return payload;
  });
}

/** Undoes what releases of zod that do not skip `__proto__` make of it. */
function forgetProto(payload: Payload): void {
  payload.issues = payload.issues.filter((issue) => issue.path?.[0] !== "__proto__");
  Object.setPrototypeOf(payload.value, Object.prototype);
}

function readOtherProto(
  payload: Payload,
  input: Record<string, unknown>,
  others: z.core.SomeType,
  context: z.core.ParseContextInternal,
): Payload | Promise<Payload> {
  if (others._zod.def.type !== "never") {
    return readProto(payload, input, others, context);
  }
  const isReported = payload.issues.some((issue) => issue.code === "unrecognized_keys" && issue.keys.includes("__proto__"));
  if (!isReported) {
    refuse(payload, "additionalProperties", "is not allowed", ["__proto__"]);
  }
  return payload;
}

/** Whether a shape declares a name that every object inherits, such as `toString`. */
function hasInheritedName(shape: Shape): boolean {
  return Object.keys(shape).some((name) => name in Object.prototype);
}
