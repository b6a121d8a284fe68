import type { SignalReference, TopicReference } from "../channel/channel.js";
import { describeIssues, validate } from "../validate/standard-schema.js";
import type { InferInput, StandardSchema } from "../validate/standard-schema.js";
import { exampleOfPattern } from "./pattern-example.js";

/** The schema of a topic, of a signal, or the schema itself. */
type SchemaOf<Target> = Target extends TopicReference<infer Config>
  ? Config["schema"]
  : Target extends SignalReference<infer Schema>
    ? Schema
    : Target;

type ExampleOf<Target> = SchemaOf<Target> extends StandardSchema<any, any> ? InferInput<SchemaOf<Target>> : never;

/**
 * Returns a valid payload of a topic or a signal, in its wire form: the same value each time, as small as its
 * schema allows. `changes` replace members of an object. Throws if it cannot find a valid value, for example
 * for a pattern with lookaheads; pass such a member as a change.
 *
 * @example
 * ```ts
 * hub.channel(ch).status(exampleOf(ch.status, { progress: 40 }));
 * ```
 */
export function exampleOf<Target extends TopicReference<any> | SignalReference<any> | StandardSchema<any, any>>(
  target: Target,
  changes?: Partial<ExampleOf<Target>>,
): ExampleOf<Target> {
  const schema = schemaOf(target);
  let last: unknown;
  // A value whose lengths differ may be valid if the smallest one is not.
  for (const fill of [0, 1, 2, 8, 32]) {
    const value = example(schema as unknown as KnownSchema, { fill, depth: 0 });
    const candidate = changes === undefined ? value : { ...(value as object), ...changes };
    const result = validate(schema, candidate);
    if (result instanceof Promise) {
      throw new TypeError("The schema validates asynchronously: write the value yourself");
    }
    if (result.issues === undefined) {
      return candidate as ExampleOf<Target>;
    }
    last ??= result.issues;
  }
  const reason = describeIssues(last as Parameters<typeof describeIssues>[0]);
  throw new TypeError(`Found no example that the schema accepts (${reason}): pass these members as \`changes\`, or write the value yourself`);
}

function schemaOf(target: object): StandardSchema {
  const { config, schema } = target as { readonly config?: { readonly schema: StandardSchema }; readonly schema?: StandardSchema };
  return config?.schema ?? ("~standard" in target ? (target as StandardSchema) : (schema as StandardSchema));
}

/** The parts of schemas that examples need: those of `fanfare/validators`, or of zod and `fanfare/zod`. */
interface KnownSchema {
  readonly kind?: { readonly type: string };
  readonly definition?: object;
  readonly _zod?: { readonly def: Definition };
}

type Definition = Readonly<Record<string, any>> & { readonly type: string };

interface Attempt {
  /** The length of texts that may have any length. */
  readonly fill: number;
  readonly depth: number;
}

/** Schemas that contain themselves end at this depth, if they can. */
const MAX_DEPTH = 12;

/** A value per format of strings. */
const FORMATS: Readonly<Record<string, string>> = {
  uuid: "00000000-0000-4000-8000-000000000000",
  guid: "00000000-0000-4000-8000-000000000000",
  "date-time": "2000-01-01T00:00:00Z",
  datetime: "2000-01-01T00:00:00Z",
  date: "2000-01-01",
  time: "00:00:00Z",
  email: "a@example.com",
  uri: "https://example.com",
  url: "https://example.com",
  ipv4: "192.0.2.1",
  ipv6: "2001:db8::1",
  hostname: "example.com",
  int64: "0",
  uint64: "0",
};

/** Returns a value that the schema probably accepts. */
function example(schema: KnownSchema, attempt: Attempt): unknown {
  const { kind, definition, _zod } = schema;
  const def = kind === undefined ? _zod?.def : { ...definition, type: kind.type };
  if (def === undefined) {
    throw new TypeError("Examples need schemas of a generated channel or of zod 4: write the value yourself");
  }
  const inner: Attempt = { ...attempt, depth: attempt.depth + 1 };
  const of = (schema: KnownSchema) => example(schema, inner);
  switch (def.type) {
    case "string":
      return text(limitsOf(def), attempt);
    case "number":
      return number(limitsOf(def));
    case "boolean":
      return false;
    case "null":
    case "nullable":
    case "json":
      return null;
    case "int64":
    case "uint64":
      return "0";
    case "enum":
      return Object.values(def["entries"])[0];
    case "literal":
      return def["values"][0];
    case "array":
      return Array.from({ length: limitsOf(def).minimum ?? 0 }, () => of(def["element"]));
    case "tuple":
      return def["items"].map(of);
    case "record":
    case "map":
      return {};
    case "object":
      return object(def["shape"], of);
    case "union":
      return (def["options"] as KnownSchema[]).map((option) => () => of(option)).reduce(firstThatReturns)();
    case "lazy":
      return attempt.depth > MAX_DEPTH ? null : of(def["getter"]());
    case "optional":
    case "default":
    case "prefault":
      return undefined;
    case "readonly":
    case "nonoptional":
    case "catch":
      return of(def["innerType"]);
    case "pipe":
      return of(def["in"]);
    default:
      return null;
  }
}

function firstThatReturns(one: () => unknown, other: () => unknown): () => unknown {
  return () => {
    try {
      return one();
    } catch {
      return other();
    }
  };
}

function object(shape: Readonly<Record<string, KnownSchema>>, of: (schema: KnownSchema) => unknown): unknown {
  const members = Object.entries(shape).map(([name, schema]) => [name, of(schema)] as const);
  return Object.fromEntries(members.filter(([, value]) => value !== undefined));
}

/** The limits of a text, an array or a number. */
interface Limits {
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly multipleOf?: number;
  readonly format?: string;
  readonly pattern?: string | { readonly source?: string };
}

/** Returns the limits of a definition: those of `fanfare/zod`, and the checks of zod. */
function limitsOf({ limits = {}, format, checks = [] }: Definition): Limits {
  const { minLength, maxLength, minItems, maxItems, format: ofFanfare, ...others } = limits;
  const own = { format: ofFanfare?.name ?? format, minimum: minLength ?? minItems, maximum: maxLength ?? maxItems, ...others };
  const added = checks.map(({ _zod: { def } }: { readonly _zod: { readonly def: Definition } }) => limitsOfCheck(def));
  return Object.fromEntries([own, ...added].flatMap((part) => Object.entries(part).filter(([, value]) => value !== undefined)));
}

function limitsOfCheck(check: Definition): Limits {
  const { value, inclusive, length, minimum, maximum, format, pattern } = check;
  switch (check["check"]) {
    case "greater_than":
      return inclusive ? { minimum: value } : { exclusiveMinimum: value };
    case "less_than":
      return inclusive ? { maximum: value } : { exclusiveMaximum: value };
    case "multiple_of":
      return { multipleOf: value };
    case "length_equals":
      return { minimum: length, maximum: length };
    default:
      return { minimum, maximum, format, pattern };
  }
}

function text({ format = "", minimum = 0, maximum = Infinity, pattern }: Limits, { fill }: Attempt): string {
  const ofFormat = FORMATS[format];
  if (ofFormat !== undefined) {
    return ofFormat;
  }
  const length = Math.min(Math.max(minimum, fill), maximum);
  const source = typeof pattern === "object" ? pattern.source : pattern;
  return (source === undefined ? undefined : exampleOfPattern(source, length)) ?? "a".repeat(length);
}

function number(limits: Limits): number {
  const { minimum = -Infinity, maximum = Infinity, exclusiveMinimum = -Infinity, exclusiveMaximum = Infinity } = limits;
  const step = limits.multipleOf ?? 1;
  const least = Math.max(minimum, exclusiveMinimum);
  const most = Math.min(maximum, exclusiveMaximum);
  const isAllowed = (value: number) => value >= minimum && value <= maximum && value > exclusiveMinimum && value < exclusiveMaximum;
  const candidates = [0, Math.ceil(least / step) * step, (Math.floor(least / step) + 1) * step, Math.floor(most / step) * step, (least + most) / 2];
  return candidates.filter(isAllowed).sort((one, other) => Math.abs(one) - Math.abs(other))[0] ?? 0;
}
