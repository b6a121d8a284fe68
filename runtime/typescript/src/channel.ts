import { describeIssues, TEXT } from "./standard.js";
import type { InferInput, InferOutput, StandardIssue, StandardSchema } from "./standard.js";

/** What a topic gives a new subscriber at once: its latest message, or its whole history. */
export type Retain = "last" | "all";

/** A topic as {@link defineChannel} takes it: it carries payloads, or text streams. */
export type TopicDefinition =
  | { readonly payload: StandardSchema; readonly stream?: never; readonly retain?: Retain }
  | { readonly stream: "text"; readonly payload?: never; readonly retain?: Retain };

/** A topic as a channel carries it; the shape that Inngest's SDK reads, too. */
export interface TopicConfig<Schema extends StandardSchema = StandardSchema> {
  readonly schema: Schema;
  readonly retain?: Retain;
}

/** A topic of text streams as a channel carries it: its schema accepts their text. */
export interface StreamTopicConfig extends TopicConfig<StandardSchema<string>> {
  readonly stream: "text";
}

/** Points at one topic of one channel: `pipeline({ runId }).status`. */
export interface TopicReference<Config extends TopicConfig = TopicConfig> {
  readonly channel: string;
  readonly topic: string;
  readonly config: Config;
}

type TopicDefinitions = Readonly<Record<string, TopicDefinition>>;
type TopicConfigs = Readonly<Record<string, TopicConfig>>;
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

type PayloadsOf<Topics extends TopicConfigs> = {
  readonly [Name in keyof Topics]: InferOutput<Topics[Name]["schema"]>;
};

type ParamsOf<Params extends ParamSchemas> = {
  readonly [Name in keyof Params]: InferOutput<Params[Name]>;
};

type TopicReferences<Topics extends TopicConfigs> = {
  readonly [Name in Exclude<keyof Topics & string, "name" | "topics">]: TopicReference<Topics[Name]>;
};

/**
 * One channel: a name on the wire and its topics, each with its schema.
 *
 * Every topic can also be reached as a property (`channel.status`), except one
 * that is called `name` or `topics`. An instance is a valid channel of
 * Inngest's SDK.
 */
export type ChannelInstance<Name extends string = string, Topics extends TopicConfigs = {}> = {
  readonly name: Name;
  readonly topics: Topics;
  /** Identifies the definition that this code was generated from. */
  readonly $fingerprint: string;
  /** For types only: `typeof channel.$infer.status` is the payload of `status`; of a text stream, its text. */
  readonly $infer: PayloadsOf<Topics>;
} & TopicReferences<Topics>;

/** A channel with params: call it with them to get the {@link ChannelInstance}. */
export interface ParamChannel<
  Name extends string,
  Params extends ParamSchemas,
  Topics extends TopicConfigs,
> {
  (params: ParamsOf<Params>): ChannelInstance<Name, Topics>;
  /** Hides the name that every function has: only an instance, made by calling this, has a name. */
  readonly name: unknown;
  readonly topics: Topics;
  readonly $fingerprint: string;
  /** For types only: the payloads by topic. */
  readonly $infer: PayloadsOf<Topics>;
  /** For types only: what the channel is called with. */
  readonly $params: ParamsOf<Params>;
}

/**
 * What `subscribe` and `useRealtime` accept as a channel: a generated one, one
 * made by Inngest's SDK, or a bare name whose messages are then untyped.
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

/** Whether a channel's topic carries text streams. */
export type IsStream<Channel extends ChannelInput, Topic extends string> = Channel extends {
  readonly topics: Readonly<Record<Topic, { readonly stream: "text" }>>;
}
  ? true
  : false;

/**
 * The payload of a channel's topic; of one that carries text streams, their text.
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

/** Thrown when a channel is called with a param that its definition refuses. */
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

interface Definition<Address extends string, Topics extends TopicDefinitions> {
  readonly name: string;
  readonly address: Address;
  readonly fingerprint: string;
  readonly topics: Topics;
}

/**
 * Makes a channel from its definition. Generated code calls this; its types
 * all follow from the argument.
 *
 * @example
 * ```ts
 * const pipeline = defineChannel({
 *   name: "pipeline",
 *   address: "pipeline:{runId}",
 *   fingerprint: "9f2c",
 *   params: { runId: z.string().min(1) },
 *   topics: { status: { payload: z.object({ message: z.string() }), retain: "last" } },
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
>(
  definition: Definition<Address, Topics> & { readonly params: Params },
): ParamChannel<NameOf<Address>, Params, ConfigsOf<Topics>>;
export function defineChannel<const Address extends string, const Topics extends TopicDefinitions>(
  definition: Definition<Address, Topics> & { readonly params?: undefined },
): ChannelInstance<Address, ConfigsOf<Topics>>;
export function defineChannel(
  definition: Definition<string, TopicDefinitions> & { readonly params?: ParamSchemas | undefined },
): unknown {
  const topics = configsOf(definition.topics);
  const { params } = definition;
  checkAddress(definition.name, definition.address, params ?? {});
  if (params === undefined) {
    return instance(definition.address, topics, definition.fingerprint);
  }
  const channel = (values: Readonly<Record<string, unknown>>): unknown =>
    instance(
      fillAddress(definition.name, definition.address, params, values),
      topics,
      definition.fingerprint,
    );
  return Object.defineProperties(channel, {
    topics: { value: topics, enumerable: true },
    $fingerprint: { value: definition.fingerprint },
    $infer: { value: undefined },
    $params: { value: undefined },
  });
}

/**
 * Writes a param value as a channel name holds it: everything but
 * `A-Z a-z 0-9 - _ . ~` becomes `%XX`, so that no value can reach beyond its hole.
 */
export function encodeParam(value: string): string {
  return encodeURIComponent(value).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

const HOLE = /\{([^{}]*)\}/g;

function checkAddress(name: string, address: string, params: ParamSchemas): void {
  const holes = [...address.matchAll(HOLE)].map((match) => match[1] ?? "");
  const missing = holes.find((hole) => !Object.hasOwn(params, hole));
  if (missing !== undefined) {
    throw new TypeError(`Channel "${name}": the address has a hole "{${missing}}" but no such param`);
  }
  const unused = Object.keys(params).find((param) => !holes.includes(param));
  if (unused !== undefined) {
    throw new TypeError(`Channel "${name}": param "${unused}" has no hole in the address "${address}"`);
  }
}

function fillAddress(
  name: string,
  address: string,
  params: ParamSchemas,
  values: Readonly<Record<string, unknown>>,
): string {
  return address.replace(HOLE, (_, param: string) => {
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

function instance(name: string, topics: TopicConfigs, fingerprint: string): unknown {
  const references = Object.entries(topics)
    .filter(([topic]) => topic !== "name" && topic !== "topics")
    .map(([topic, config]) => [topic, Object.freeze({ channel: name, topic, config })]);
  const channel = { ...Object.fromEntries(references), name, topics };
  // Hidden, so that a channel prints and serializes as Inngest's does.
  Object.defineProperties(channel, {
    $fingerprint: { value: fingerprint },
    $infer: { value: undefined },
  });
  return Object.freeze(channel);
}
