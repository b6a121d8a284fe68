/**
 * Subclasses of zod classes with exact readers.
 *
 * In every other respect they are zod classes: `instanceof`, `.extend()`, `.optional()`,
 * `z.toJSONSchema()`. Clones keep the reader, because zod clones by constructor and definition.
 */

import * as core from "zod/v4/core";

import type { Define } from "../create.js";
import { identify } from "../identify.js";
import type { Access, Identity, Kind, Parts } from "../kind.js";
import { MAX_ISSUES } from "../schema/issue.js";
import { json } from "../schema/json.js";
import { nameUnion, OTHER } from "../schema/names.js";
import { promises, settle, wait } from "../schema/promises.js";
import { type Found, NOTHING, outputOf, type Reader, REJECTED, Report } from "../schema/report.js";
import { nullable, optional } from "../schema/unions.js";
import { rawIssues } from "./issues.js";
import { describe } from "./metadata.js";

type Payload = core.ParsePayload;
type Context = core.ParseContextInternal;

type ZodInternals = core.SomeType["_zod"];

interface Internals extends ZodInternals {
  /** Creates the reader. Only our classes have this. */
  fanfare?: () => Reader;
  reader?: Reader;
  /** Only our classes have this. */
  parts?: Parts;
}

/** A zod class, of `zod` or of `zod/mini`. */
export interface Parent {
  init(schema: never, definition: never): void;
}

/** Returns the definition of a zod object. */
export function definitionOf({ _zod }: core.$ZodObject): core.$ZodObjectDef {
  return _zod.def;
}

/** Returns a function that defines subclasses of the zod class `parent` with exact readers. */
export function subclassOf(parent: Parent): Define {
  return (name, kind) => defineClass(name, parent, kind);
}

function defineClass<Definition extends object>(name: string, parent: Parent, kind: Kind<Definition>): (definition: Definition) => never {
  const Exact = core.$constructor<core.$ZodType, Definition & core.$ZodTypeDef>(`Fanfare${name}`, (schema, definition) => {
    withoutEval(() => {
      for (const { init } of [core.$ZodType as Parent, parent]) {
        init(schema as never, definition as never);
      }
    });
    const internals: Internals = schema._zod;
    const zodParse = internals.parse;
    describe(name, internals, definition);
    internals.parts = { name, kind, definition };
    internals.fanfare = () => kind.read(definition, access) ?? run(zodParse);
    // Zod sets these two in deferred functions, in this order. Ours runs last.
    (internals.deferred ??= []).push(() => {
      internals.parse = parse(schema);
      if (!definition.checks?.length) {
        internals.run = internals.parse;
      }
    });
  });
  // `coerce` keeps `z.compile` from replacing the reader because it skips coercing schemas.
  return (definition) => new Exact({ ...definition, type: kind.type, coerce: true } as never) as never;
}

/** Keeps zod from probing for `eval` in an object class, which a strict content security policy reports. */
function withoutEval(create: () => void): void {
  const { jitless } = core.config();
  core.config({ jitless: true });
  try {
    create();
  } finally {
    core.config({ jitless });
  }
}

/** Returns the function that zod calls to parse a value. */
function parse(schema: core.$ZodType): core.$ZodTypeInternals["parse"] {
  let reader: Reader | undefined;
  return (payload, context) => {
    reader ??= ownReader(schema._zod);
    const report = new Report(context, context.direction === "backward", context.async === true ? promises : undefined);
    if (waiting?.context === context) {
      // Part of the same validation, with zod schemas in between.
      report.outer = waiting;
      report.level = waiting.level;
      report.isReason = waiting.isReason || waiting.isQuiet;
    }
    const result = reader(payload.value, report);
    if (result === undefined) {
      return payload;
    }
    return result === REJECTED && report.promises !== undefined
      ? settle(result, report.found).then(({ value, found }) => finish(payload, value, found))
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

/** Returns the reader of any schema: its own, or one that delegates to zod. */
function readerOf(schema: core.SomeType): Reader {
  const internals: Internals = schema._zod;
  const { def } = internals as core.$ZodTypes["_zod"];
  if (def.checks?.length) {
    return run((payload, context) => internals.run(payload, context));
  }
  if (internals.fanfare) {
    return ownReader(internals);
  }
  // The schemas of `.optional()`, `.partial()` and `.nullable()` only wrap another one.
  if (def.type === "optional" && !internals.traits.has("$ZodExactOptional") && !substitutes(def.innerType)) {
    return optional(readerOf(def.innerType));
  }
  if (def.type === "nullable") {
    return nullable(readerOf(def.innerType));
  }
  return run((payload, context) => internals.run(payload, context));
}

/** Returns the parts of a schema of our own, or the names of the values of another one. */
function partsOf(schema: core.SomeType): Parts | Identity {
  const internals: Internals = schema._zod;
  const { def } = internals as core.$ZodTypes["_zod"];
  if (internals.parts) {
    return internals.parts;
  }
  if (def.type === "optional" || def.type === "nullable") {
    const { names } = identify(def.innerType, access);
    return { names: def.type === "nullable" ? (levels) => nameUnion([names, () => ["null"]], levels) : names };
  }
  return { names: () => [ZOD_NAMES[def.type] ?? OTHER] };
}

/** The names of the values of zod's own schemas. */
const ZOD_NAMES: Readonly<Record<string, string>> = {
  string: "a string",
  number: "a number",
  boolean: "a boolean",
  null: "null",
  array: "an array",
  tuple: "an array",
  object: "an object",
  record: "an object",
};

/** Returns `true` if a schema may substitute a value for an absent one. */
function substitutes(schema: core.SomeType): boolean {
  return schema._zod.optin !== undefined;
}

const access = {
  readerOf,
  partsOf,
  absenceOf: ({ _zod: { optin, optout } }: core.SomeType) =>
    // A schema that is optional in input and output substitutes nothing.
    optin === undefined ? "required" : optin === "optional" && optout === "optional" ? "optional" : "substituted",
  isNever: ({ _zod }: core.SomeType) => _zod.def.type === "never",
} as Access;

function ownReader(internals: Internals): Reader {
  if (internals.reader === undefined) {
    let created: Reader | undefined;
    // Recursive references get this reader while the schema's own is being created.
    internals.reader = (value, report) => (created as Reader)(value, report);
    created = internals.fanfare?.() as Reader;
    internals.reader = created;
  }
  return internals.reader;
}

/** The report that waits while zod parses a part of the value. */
let waiting: Report | undefined;

/** Returns a reader that delegates to zod, including promises. */
function run(parse: (payload: Payload, context: Context) => Payload | Promise<Payload>): Reader {
  return (value, report) => {
    if (report.isPayload && json(value, report) === REJECTED) {
      return REJECTED;
    }
    const outer = waiting;
    waiting = report;
    let result: Payload | Promise<Payload>;
    try {
      result = parse({ value, issues: [] }, report.context as Context);
    } finally {
      waiting = outer;
    }
    if (!(result instanceof Promise)) {
      report.found.push(...foundBy(result));
      return result.issues.length === 0 ? resultOf(value, result.value) : REJECTED;
    }
    if (report.promises === undefined) {
      throw new core.$ZodAsyncError();
    }
    return wait(result.then((payload) => ({ value: payload.value, found: foundBy(payload) })), report);
  };
}

/** Returns the result of a reader for an output. */
function resultOf(value: unknown, output: unknown): unknown {
  return output === undefined ? (value === undefined ? undefined : NOTHING) : output;
}

function foundBy(payload: Payload): Found[] {
  return payload.issues.slice(0, MAX_ISSUES + 1).map((issue) => ({ path: [], rule: "", message: "", value: undefined, foreign: issue }));
}
