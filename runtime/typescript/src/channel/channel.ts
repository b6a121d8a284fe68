import { describeIssues, TEXT } from "../validate/standard-schema.js";
import type { InferInput, InferOutput, StandardIssue, StandardSchema } from "../validate/standard-schema.js";

/**
 * The retained messages that a new subscriber of a topic receives: the latest (`last`), the latest
 * 1,000 (`all`), or a number of them.
 */
export type Retain = "last" | "all" | number;

/** A topic in a definition for {@link defineChannel}. It carries either payloads or text streams. */
export type TopicDefinition =
  | { readonly payload: StandardSchema; readonly stream?: never; readonly retain?: Retain }
  | { readonly stream: "text"; readonly payload?: never; readonly retain?: Retain };

/** A topic of a channel. Inngest's SDK reads this shape, too. */
export interface TopicConfig<Schema extends StandardSchema = StandardSchema> {
  readonly schema: Schema;
  readonly retain?: Retain;
}

/** A topic of text streams. Its schema accepts their texts. */
export interface StreamTopicConfig extends TopicConfig<StandardSchema<string>> {
  readonly stream: "text";
}

/** Refers to a topic of a channel: `pipeline({ runId }).status`. */
export interface TopicReference<Config extends TopicConfig = TopicConfig> {
  readonly channel: string;
  readonly topic: string;
  readonly config: Config;
}

/** A signal in a definition for {@link defineChannel}. */
export interface SignalDefinition<Schema extends StandardSchema = StandardSchema> {
  readonly payload: Schema;
}

/** A signal of a channel. */
export interface SignalConfig<Schema extends StandardSchema = StandardSchema> {
  readonly schema: Schema;
}

/** Refers to a signal of a channel: `pipeline({ runId }).approve`. */
export interface SignalReference<
  Schema extends StandardSchema = StandardSchema,
  Channel extends string = string,
  Signal extends string = string,
> {
  readonly channel: Channel;
  readonly signal: Signal;
  readonly schema: Schema;
}

type TopicDefinitions = Readonly<Record<string, TopicDefinition>>;
type TopicConfigs = Readonly<Record<string, TopicConfig>>;
type SignalDefinitions = Readonly<Record<string, SignalDefinition>>;
type SignalConfigs = Readonly<Record<string, SignalConfig>>;
type ParamSchemas = Readonly<Record<string, StandardSchema>>;

/** `pipeline:{runId}` becomes the type `pipeline:${string}`. */
type NameOf<Address extends string> = Address extends `${infer Before}{${string}}${infer After}`
  ? `${Before}${string}${NameOf<After>}`
  : Address;

type ConfigsOf<Topics extends TopicDefinitions> = {
  readonly [Name in keyof Topics]: ConfigOf<Topics[Name]>;
};

type ConfigOf<Topic extends TopicDefinition> = Topic extends {
  readonly payload: infer Schema extends StandardSchema;
}
  ? TopicConfig<Schema>
  : StreamTopicConfig;

type SignalConfigsOf<Signals extends SignalDefinitions> = {
  readonly [Name in keyof Signals]: SignalConfig<Signals[Name]["payload"]>;
};

type PayloadsOf<Topics extends TopicConfigs> = {
  readonly [Name in keyof Topics]: InferOutput<Topics[Name]["schema"]>;
};

type ParamsOf<Params extends ParamSchemas> = {
  readonly [Name in keyof Params]: InferOutput<Params[Name]>;
};

type TopicReferences<Topics extends TopicConfigs> = {
  readonly [Name in Exclude<keyof Topics & string, "name" | "topics">]: TopicReference<Topics[Name]>;
};

type SignalReferences<Channel extends string, Signals extends SignalConfigs> = {
  readonly [Name in Exclude<keyof Signals & string, "name" | "topics">]: SignalReference<
    Signals[Name]["schema"],
    Channel,
    Name
  >;
};

/**
 * A channel: a name and topics with their schemas.
 *
 * Topics and signals are also properties (`channel.status`), except those called `name` or `topics`.
 * An instance is a valid channel for Inngest's SDK.
 */
export type ChannelInstance<
  Name extends string = string,
  Topics extends TopicConfigs = {},
  Signals extends SignalConfigs = {},
  Result extends StandardSchema | undefined = StandardSchema | undefined,
> = {
  readonly name: Name;
  readonly topics: Topics;
  /** The hash of the definition that this code was generated from. */
  readonly $fingerprint: string;
  /**
   * For types only: `typeof channel.$infer.status` is the payload of `status`, or the text of a text
   * stream.
   */
  readonly $infer: PayloadsOf<Topics>;
  /** The signals that runs on the channel can receive, by name. */
  readonly $signals: Signals;
  /** The schema of the result of runs on the channel, if the definition has one. */
  readonly $result: Result;
} & TopicReferences<Topics> &
  SignalReferences<Name, Signals>;

/** A channel with params. Call it with their values to get a {@link ChannelInstance}. */
export interface ParamChannel<
  Name extends string,
  Params extends ParamSchemas,
  Topics extends TopicConfigs,
  Signals extends SignalConfigs = {},
  Result extends StandardSchema | undefined = StandardSchema | undefined,
> {
  (params: ParamsOf<Params>): ChannelInstance<Name, Topics, Signals, Result>;
  /** Hides the name of the function, as only an instance has a name. */
  readonly name: unknown;
  readonly topics: Topics;
  readonly $fingerprint: string;
  /** For types only: the payloads, by topic. */
  readonly $infer: PayloadsOf<Topics>;
  /** For types only: the params. */
  readonly $params: ParamsOf<Params>;
}

/**
 * A channel for `subscribe` and `useRealtime`: a generated one, one of Inngest's SDK, or only a name, in
 * which case messages are untyped.
 */
export type ChannelInput =
  | string
  | {
      readonly name: string;
      readonly topics: Readonly<
        Record<string, { readonly schema: StandardSchema; readonly stream?: "text" }>
      >;
    };

/** The names of a channel's topics. */
export type TopicName<Channel extends ChannelInput> = Channel extends {
  readonly topics: infer Topics;
}
  ? keyof Topics & string
  : string;

/** `true` if a topic of the channel carries text streams. */
export type IsStream<Channel extends ChannelInput, Topic extends string> = Channel extends {
  readonly topics: Readonly<Record<Topic, { readonly stream: "text" }>>;
}
  ? true
  : false;

/**
 * The payload of a topic, or the text of its text streams.
 *
 * @example
 * ```ts
 * type Status = Payload<ReturnType<typeof pipeline>, "status">;
 * ```
 */
export type Payload<
  Channel extends ChannelInput,
  Topic extends string,
  Validate extends boolean = true,
> = Channel extends { readonly topics: Readonly<Record<Topic, { readonly schema: infer Schema }>> }
  ? Schema extends StandardSchema
    ? Validate extends false
      ? InferInput<Schema>
      : InferOutput<Schema>
    : unknown
  : unknown;

/** The name of a channel; `string` if its type does not name it. */
export type ChannelName<Channel extends ChannelInput> = Channel extends {
  readonly name: infer Name extends string;
}
  ? Name
  : string;

/** The names of a channel's signals. */
export type SignalName<Channel extends ChannelInput> = Channel extends string
  ? string
  : Channel extends { readonly $signals: infer Signals }
    ? keyof Signals & string
    : never;

/** The signals that a run on a channel can wait for; `string` if the channel's type names none. */
export type AwaitedSignal<Channel extends ChannelInput> = [SignalName<Channel>] extends [never]
  ? string
  : SignalName<Channel>;

/**
 * The payload of a signal, as the sender passes it.
 *
 * @example
 * ```ts
 * type Verdict = SignalPayload<ReturnType<typeof pipeline>, "approve">;
 * ```
 */
export type SignalPayload<Channel extends ChannelInput, Name extends string> = Channel extends {
  readonly $signals: Readonly<Record<Name, { readonly schema: infer Schema }>>;
}
  ? Schema extends StandardSchema
    ? InferInput<Schema>
    : unknown
  : unknown;

/** The result of runs on a channel; `unknown` if its definition has none. */
export type RunResult<Channel extends ChannelInput, Validate extends boolean = true> = Channel extends {
  readonly $result: infer Schema extends StandardSchema;
}
  ? Validate extends false
    ? InferInput<Schema>
    : InferOutput<Schema>
  : unknown;

/** Thrown if a channel is called with a param that is invalid by its definition. */
export class ParamError extends Error {
  override readonly name = "ParamError";

  constructor(
    readonly channel: string,
    readonly param: string,
    readonly issues: readonly StandardIssue[],
  ) {
    super(`Channel "${channel}": param "${param}" is invalid: ${describeIssues(issues)}`);
  }
}

interface Definition<
  Address extends string,
  Topics extends TopicDefinitions,
  Signals extends SignalDefinitions,
  Result extends StandardSchema | undefined,
> {
  readonly name: string;
  readonly address: Address;
  readonly fingerprint: string;
  readonly topics: Topics;
  readonly signals?: Signals;
  readonly result?: Result;
}

/**
 * Creates a channel from its definition. Generated code calls this function. All types are inferred
 * from the argument.
 *
 * @example
 * ```ts
 * const pipeline = defineChannel({
 *   name: "pipeline",
 *   address: "pipeline:{runId}",
 *   fingerprint: "9f2c",
 *   params: { runId: z.string().min(1) },
 *   topics: { status: { payload: z.object({ message: z.string() }), retain: "last" } },
 *   signals: { approve: { payload: z.object({ verdict: z.enum(["approve", "reject"]) }) } },
 *   result: z.object({ summary: z.string() }),
 * });
 * const channel = pipeline({ runId: "run_42" }); // channel.name is "pipeline:run_42"
 *
 * // Without params, the result is the channel itself.
 * const system = defineChannel({
 *   name: "system",
 *   address: "system",
 *   fingerprint: "17ab",
 *   topics: { notice: { payload: z.string() } },
 * });
 * ```
 */
export function defineChannel<
  const Address extends string,
  const Params extends ParamSchemas,
  const Topics extends TopicDefinitions,
  const Signals extends SignalDefinitions = {},
  const Result extends StandardSchema | undefined = undefined,
>(
  definition: Definition<Address, Topics, Signals, Result> & { readonly params: Params },
): ParamChannel<NameOf<Address>, Params, ConfigsOf<Topics>, SignalConfigsOf<Signals>, Result>;
export function defineChannel<
  const Address extends string,
  const Topics extends TopicDefinitions,
  const Signals extends SignalDefinitions = {},
  const Result extends StandardSchema | undefined = undefined,
>(
  definition: Definition<Address, Topics, Signals, Result> & { readonly params?: undefined },
): ChannelInstance<Address, ConfigsOf<Topics>, SignalConfigsOf<Signals>, Result>;
export function defineChannel(
  definition: AnyDefinition & { readonly params?: ParamSchemas | undefined },
): unknown {
  const { name, address, fingerprint, result, params } = definition;
  const topics = configsOf(definition.topics);
  const signals = signalConfigsOf(definition.signals ?? {});
  checkAddress(name, address, params ?? {});
  checkAccessors(name, topics, signals);
  const parts: SharedParts = { topics, signals, result, fingerprint };
  if (params === undefined) {
    return instance(address, parts);
  }
  const channel = (values: Readonly<Record<string, unknown>>): unknown =>
    instance(fillAddress(name, address, params, values), parts);
  return Object.defineProperties(channel, {
    topics: { value: topics, enumerable: true },
    $fingerprint: { value: fingerprint },
    $infer: { value: undefined },
    $params: { value: undefined },
  });
}

/**
 * Encodes the value of a param for a channel name. All characters but `A-Z a-z 0-9 - _ . ~` become
 * `%XX`, so that no value can affect the rest of the name.
 */
export function encodeParam(value: string): string {
  return encodeURIComponent(value).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

type AnyDefinition = Definition<string, TopicDefinitions, SignalDefinitions, StandardSchema | undefined>;

/** The parts that all instances of a channel share. */
interface SharedParts {
  readonly topics: TopicConfigs;
  readonly signals: SignalConfigs;
  readonly result: StandardSchema | undefined;
  readonly fingerprint: string;
}

const PARAM = /\{([^{}]*)\}/g;

function checkAddress(name: string, address: string, params: ParamSchemas): void {
  const names = [...address.matchAll(PARAM)].map((match) => match[1] ?? "");
  const missing = names.find((param) => !Object.hasOwn(params, param));
  if (missing !== undefined) {
    throw new TypeError(`Channel "${name}": the address "${address}" has the param "{${missing}}", which is not defined`);
  }
  const unused = Object.keys(params).find((param) => !names.includes(param));
  if (unused !== undefined) {
    throw new TypeError(`Channel "${name}": the param "${unused}" is not part of the address "${address}"`);
  }
}

function checkAccessors(name: string, topics: TopicConfigs, signals: SignalConfigs): void {
  const shared = Object.keys(signals).find((signal) => Object.hasOwn(topics, signal));
  if (shared !== undefined) {
    throw new TypeError(`Channel "${name}": "${shared}" is both a topic and a signal`);
  }
}

function fillAddress(
  name: string,
  address: string,
  params: ParamSchemas,
  values: Readonly<Record<string, unknown>>,
): string {
  return address.replace(PARAM, (_, param: string) => {
    const schema = params[param];
    const value = Object.hasOwn(values, param) ? values[param] : undefined;
    const result = schema?.["~standard"].validate(value);
    if (result === undefined || result instanceof Promise) {
      throw new TypeError(`Channel "${name}": the schema of param "${param}" must be synchronous`);
    }
    if (result.issues !== undefined) {
      throw new ParamError(name, param, result.issues);
    }
    const text = String(value);
    if (text === "" || /\p{Surrogate}/u.test(text)) {
      const message = text === "" ? "must not be empty" : "must not hold a lone surrogate";
      throw new ParamError(name, param, [{ message }]);
    }
    return encodeParam(text);
  });
}

function configsOf(topics: TopicDefinitions): TopicConfigs {
  return Object.freeze(
    Object.fromEntries(
      Object.entries(topics).map(([name, topic]) => [name, Object.freeze(configOf(topic))]),
    ),
  );
}

function configOf({ payload, retain }: TopicDefinition): TopicConfig | StreamTopicConfig {
  const config = payload === undefined ? { schema: TEXT, stream: "text" as const } : { schema: payload };
  return retain === undefined ? config : { ...config, retain };
}

function signalConfigsOf(signals: SignalDefinitions): SignalConfigs {
  return Object.freeze(
    Object.fromEntries(
      Object.entries(signals).map(([name, { payload }]) => [name, Object.freeze({ schema: payload })]),
    ),
  );
}

function instance(name: string, { topics, signals, result, fingerprint }: SharedParts): unknown {
  const topicReferences = Object.entries(topics).map(([topic, config]) => [topic, { channel: name, topic, config }]);
  const signalReferences = Object.entries(signals).map(([signal, { schema }]) => [
    signal,
    { channel: name, signal, schema },
  ]);
  const references = [...topicReferences, ...signalReferences].map(([key, reference]) => [key, Object.freeze(reference)]);
  // Last, so that a topic cannot replace them.
  const channel = { ...Object.fromEntries(references), name, topics };
  // Not enumerable, so that a channel prints and serializes like one of Inngest's.
  Object.defineProperties(channel, {
    $fingerprint: { value: fingerprint },
    $infer: { value: undefined },
    $signals: { value: signals },
    $result: { value: result },
  });
  return Object.freeze(channel);
}
