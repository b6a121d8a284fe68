import { describeIssues, TEXT } from "../validate/standard-schema.js";
import type { StandardIssue, StandardSchema } from "../validate/standard-schema.js";
import type {
  ChannelInstance,
  ConfigsOf,
  NameOf,
  ParamChannel,
  ParamSchemas,
  SignalConfigs,
  SignalConfigsOf,
  SignalDefinition,
  SignalDefinitions,
  StreamTopicConfig,
  TopicConfig,
  TopicConfigs,
  TopicDefinition,
  TopicDefinitions,
} from "./channel.js";
import type { Releases } from "./drift.js";

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
  readonly releases?: Releases | undefined;
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
  const { name, address, fingerprint, releases, result, params } = definition;
  const topics: TopicConfigs = mapFrozen(definition.topics, configOf);
  const signals: SignalConfigs = mapFrozen(definition.signals ?? {}, ({ payload }: SignalDefinition) => ({ schema: payload }));
  checkAddress(name, address, params ?? {});
  checkAccessors(name, topics, signals);
  const parts: SharedParts = { topics, signals, result, fingerprint, releases };
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
  readonly releases: Releases | undefined;
}

function channelError(name: string, message: string): TypeError {
  return new TypeError(`Channel "${name}": ${message}`);
}

const PARAM = /\{([^{}]*)\}/g;

function checkAddress(name: string, address: string, params: ParamSchemas): void {
  const names = [...address.matchAll(PARAM)].map((match) => match[1] ?? "");
  const missing = names.find((param) => !Object.hasOwn(params, param));
  if (missing !== undefined) {
    throw channelError(name, `the address "${address}" has the param "{${missing}}", which is not defined`);
  }
  const unused = Object.keys(params).find((param) => !names.includes(param));
  if (unused !== undefined) {
    throw channelError(name, `the param "${unused}" is not part of the address "${address}"`);
  }
}

function checkAccessors(name: string, topics: TopicConfigs, signals: SignalConfigs): void {
  const shared = Object.keys(signals).find((signal) => Object.hasOwn(topics, signal));
  if (shared !== undefined) {
    throw channelError(name, `"${shared}" is both a topic and a signal`);
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
      throw channelError(name, `the schema of param "${param}" must be synchronous`);
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

function configOf({ payload, retain }: TopicDefinition): TopicConfig | StreamTopicConfig {
  const config = payload === undefined ? { schema: TEXT, stream: "text" as const } : { schema: payload };
  return retain === undefined ? config : { ...config, retain };
}

/** Returns a frozen object with frozen values under the same names. */
function mapFrozen<Value, Result>(
  values: Readonly<Record<string, Value>>,
  convert: (value: Value, name: string) => Result,
): Readonly<Record<string, Result>> {
  const converted = Object.entries(values).map(([name, value]) => [name, Object.freeze(convert(value, name))]);
  return Object.freeze(Object.fromEntries(converted));
}

function instance(name: string, { topics, signals, result, fingerprint, releases }: SharedParts): unknown {
  const channel = {
    ...mapFrozen(topics, (config, topic) => ({ channel: name, topic, config })),
    ...mapFrozen(signals, ({ schema }, signal) => ({ channel: name, signal, schema })),
    // Last, so that a topic cannot replace them.
    name,
    topics,
  };
  // Not enumerable, so that a channel prints and serializes like one of Inngest's.
  Object.defineProperties(channel, {
    $fingerprint: { value: fingerprint },
    $releases: { value: releases },
    $infer: { value: undefined },
    $signals: { value: signals },
    $result: { value: result },
  });
  return Object.freeze(channel);
}
