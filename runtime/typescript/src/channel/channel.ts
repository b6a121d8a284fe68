import type { InferInput, InferOutput, StandardSchema } from "../validate/standard-schema.js";

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

export type TopicDefinitions = Readonly<Record<string, TopicDefinition>>;
export type TopicConfigs = Readonly<Record<string, TopicConfig>>;
export type SignalDefinitions = Readonly<Record<string, SignalDefinition>>;
export type SignalConfigs = Readonly<Record<string, SignalConfig>>;
export type ParamSchemas = Readonly<Record<string, StandardSchema>>;

/** `pipeline:{runId}` becomes the type `pipeline:${string}`. */
export type NameOf<Address extends string> = Address extends `${infer Before}{${string}}${infer After}`
  ? `${Before}${string}${NameOf<After>}`
  : Address;

export type ConfigsOf<Topics extends TopicDefinitions> = {
  readonly [Name in keyof Topics]: ConfigOf<Topics[Name]>;
};

type ConfigOf<Topic extends TopicDefinition> = Topic extends {
  readonly payload: infer Schema extends StandardSchema;
}
  ? TopicConfig<Schema>
  : StreamTopicConfig;

export type SignalConfigsOf<Signals extends SignalDefinitions> = {
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
  /** Hides the name of the function because only an instance has a name. */
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
