/**
 * How a zod class gets an exact reader.
 *
 * The class stays a zod class in every other respect: `instanceof`, `.extend()`, `.optional()`,
 * `z.toJSONSchema()`. Its clones keep the reader, because zod clones by constructor and definition.
 */

import * as core from "zod/v4/core";

import { MAX_ISSUES } from "../schema/issue.js";
import { json } from "../schema/json.js";
import { type Found, NOTHING, outputOf, type Reader, REFUSED, Report, settled } from "../schema/report.js";
import { nullable, optional } from "../schema/unions.js";
import { rawIssues } from "./issues.js";

type Payload = core.ParsePayload;
type Context = core.ParseContextInternal;

/** What a kind of schema is: how its definition is read, and what else others should know of it. */
export interface Kind<Definition> {
  /** What zod calls it. */
  readonly type: string;
  /** The reader that the definition asks for; none where only zod can read it. */
  read(definition: Definition): Reader | undefined;
  /** Tells `z.toJSONSchema` and forms what they cannot see otherwise. */
  describe?(internals: Internals, definition: Definition): void;
}

type ZodInternals = core.SomeType["_zod"];

export interface Internals extends ZodInternals {
  /** Makes the reader; only our classes have it. */
  fanfare?: () => Reader;
  reader?: Reader;
}

/** A zod class, of `zod` or of `zod/mini`. */
interface Parent {
  init(schema: never, definition: never): void;
}

/**
 * Makes schemas of a subclass of the zod class `parent` whose values are read exactly. Their type is for
 * the caller to say: TypeScript cannot follow zod's classes.
 */
export function exact<Definition extends object>(name: string, parent: Parent, kind: Kind<Definition>): (definition: Definition) => never {
  const Exact = core.$constructor<core.$ZodType, Definition & core.$ZodTypeDef>(`Fanfare${name}`, (schema, definition) => {
    withoutEval(() => {
      for (const { init } of [core.$ZodType as Parent, parent]) {
        init(schema as never, definition as never);
      }
    });
    const internals: Internals = schema._zod;
    const zods = internals.parse;
    kind.describe?.(internals, definition);
    internals.fanfare = () => kind.read(definition) ?? run(zods);
    // Zod puts the last touches to these two in functions that it defers, in this order.
    (internals.deferred ??= []).push(() => {
      internals.parse = parse(schema);
      if (!definition.checks?.length) {
        internals.run = internals.parse;
      }
    });
  });
  // `coerce` keeps `z.compile` from replacing the reader by its own: it leaves coercing schemas alone.
  return (definition) => new Exact({ ...definition, type: kind.type, coerce: true } as never) as never;
}

/** Zod probes for `eval` when it makes an object class, which a strict content security policy reports. */
function withoutEval(make: () => void): void {
  const { jitless } = core.config();
  core.config({ jitless: true });
  try {
    make();
  } finally {
    core.config({ jitless });
  }
}

/** What zod calls to read a value. */
function parse(schema: core.$ZodType): core.$ZodTypeInternals["parse"] {
  let reader: Reader | undefined;
  return (payload, context) => {
    reader ??= ownReader(schema._zod);
    const report = new Report(context, context.async === true, context.direction === "backward");
    if (waiting?.context === context) {
      // The same validation, with schemas of zod in between.
      report.outer = waiting;
      report.level = waiting.level;
    }
    const result = reader(payload.value, report);
    if (result === undefined) {
      return payload;
    }
    return result === REFUSED && report.isAsync
      ? settled(result, report.found).then(({ value, found }) => finish(payload, value, found))
      : finish(payload, outputOf(payload.value, result), report.found);
  };
}

function finish(payload: Payload, output: unknown, found: readonly Found[]): Payload {
  if (found.length === 0) {
    payload.value = output;
  } else {
    payload.issues.push(...rawIssues(found));
  }
  return payload;
}

/** The reader of any schema: its own, or one that leaves the reading to zod. */
export function readerOf(schema: core.SomeType): Reader {
  const internals: Internals = schema._zod;
  const { def } = internals as core.$ZodTypes["_zod"];
  if (def.checks?.length) {
    return run((payload, context) => internals.run(payload, context));
  }
  if (internals.fanfare) {
    return ownReader(internals);
  }
  // What `.optional()`, `.partial()` and `.nullable()` make says nothing of its own.
  if (def.type === "optional" && !internals.traits.has("$ZodExactOptional") && !substitutes(def.innerType)) {
    return optional(readerOf(def.innerType));
  }
  if (def.type === "nullable") {
    return nullable(readerOf(def.innerType));
  }
  return run((payload, context) => internals.run(payload, context));
}

/** Whether a schema may put something in the place of what is absent. */
export function substitutes(schema: core.SomeType): boolean {
  return schema._zod.optin !== undefined;
}

function ownReader(internals: Internals): Reader {
  if (internals.reader === undefined) {
    let made: Reader | undefined;
    // What refers back to this schema while its reader is being made gets this one.
    internals.reader = (value, report) => (made as Reader)(value, report);
    made = internals.fanfare?.() as Reader;
    internals.reader = made;
  }
  return internals.reader;
}

/** The report that waits while zod reads a part of the value. */
let waiting: Report | undefined;

/** Reads as zod does, promises included. */
function run(zods: (payload: Payload, context: Context) => Payload | Promise<Payload>): Reader {
  return (value, report) => {
    if (report.isPayload && json(value, report) === REFUSED) {
      return REFUSED;
    }
    const outer = waiting;
    waiting = report;
    let result: Payload | Promise<Payload>;
    try {
      result = zods({ value, issues: [] }, report.context as Context);
    } finally {
      waiting = outer;
    }
    if (!(result instanceof Promise)) {
      report.found.push(...foundBy(result));
      return result.issues.length === 0 ? resultOf(value, result.value) : REFUSED;
    }
    if (!report.isAsync) {
      throw new core.$ZodAsyncError();
    }
    return report.wait(result.then((payload) => ({ value: payload.value, found: foundBy(payload) })));
  };
}

/** What a reader returns for what a value becomes. */
function resultOf(value: unknown, output: unknown): unknown {
  return output === undefined ? (value === undefined ? undefined : NOTHING) : output;
}

function foundBy(payload: Payload): Found[] {
  return payload.issues.slice(0, MAX_ISSUES + 1).map((issue) => ({ path: [], rule: "", message: "", value: undefined, foreign: issue }));
}
