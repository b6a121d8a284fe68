import type {
  ChannelInput,
  SignalName,
  SignalReference,
  StreamTopicConfig,
  TopicConfig,
  TopicName,
  TopicReference,
} from "../channel/channel.js";
import { ask, RealtimeError } from "./request.js";
import type { RequestSettings } from "./request.js";
import { hashedKey, refuseBrowsers } from "./signing-key.js";
import { bytesOf } from "./text-source.js";
import type { TextSource } from "./text-source.js";
import { sendSignal } from "../runs/signal.js";
import type { SignalOptions, SignalReceipt } from "../runs/signal.js";
import { describeIssues, payloadIssue } from "../validate/standard-schema.js";
import type { InferInput, StandardSchema } from "../validate/standard-schema.js";

/** What {@link createRealtime} takes. */
export interface RealtimeOptions {
  /** Where the server's routes are served from, up to `/v1/realtime`, as this process reaches it. */
  readonly apiBaseUrl: string;
  readonly signingKey: string;
  /** The same as pages reach it, for the tokens that they are given. Default: `apiBaseUrl`. */
  readonly clientApiBaseUrl?: string | undefined;
  /**
   * How often a request is made again that was not answered, or with 429 or 5xx. That is
   * harmless: each publish has a key by which the server knows a repeat. Default: 4.
   */
  readonly retries?: number | undefined;
}

export interface PublishOptions {
  /** The run that publishes: it goes into the envelope. */
  readonly runId?: string | undefined;
  /**
   * The same key on the same channel publishes once, whoever repeats it and when, within an hour.
   * Default: a key of this call's own.
   */
  readonly idempotencyKey?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ServerSignalOptions extends SignalOptions {
  /** As of {@link PublishOptions}. */
  readonly idempotencyKey?: string | undefined;
}

export interface TokenOptions<Channel extends ChannelInput = ChannelInput> {
  /** Default: all topics of the channel. Where the channel is a bare name, it knows none. */
  readonly topics?: readonly TopicName<Channel>[] | undefined;
  /** What it may send to runs on the channel. Default: nothing. */
  readonly signals?: readonly SignalName<Channel>[] | undefined;
  /** For how many seconds it is valid. Default: 60. */
  readonly expiresIn?: number | undefined;
  /** Whom it is for. */
  readonly subject?: string | undefined;
  /** To revoke it by; several tokens may share one, such as a login's. */
  readonly id?: string | undefined;
}

/** What a page's `token` may return: `subscribe` and `useRealtime` take it as it is. */
export interface ClientSubscriptionToken {
  readonly channel: string;
  readonly topics: readonly string[];
  readonly key: string;
  readonly apiBaseUrl: string;
}

/** A fanfare server, as another server uses it. */
export interface Realtime {
  /**
   * Publishes a payload, which is validated first, or a text stream. Resolves with the message's
   * id once it stands in the channel's log; of a text stream, with the id of its end.
   *
   * @example
   * ```ts
   * await realtime.publish(pipeline({ runId }).status, { message: "Researching" });
   * await realtime.publish(pipeline({ runId }).draft, model.stream(prompt));
   * ```
   */
  publish(
    topic: TopicReference<StreamTopicConfig>,
    text: TextSource,
    options?: PublishOptions,
  ): Promise<{ readonly id: string }>;
  publish<Schema extends StandardSchema<any, any>>(
    topic: TopicReference<TopicConfig<Schema>>,
    payload: InferInput<Schema>,
    options?: PublishOptions,
  ): Promise<{ readonly id: string }>;
  /**
   * Sends a signal to the run on a channel, whose payload is validated first. Resolves once it is
   * recorded; rejects with a `SignalError`, as `send` of a page does.
   *
   * @example
   * ```ts
   * await realtime.send(pipeline({ runId }).approve, { verdict: "approve" });
   * ```
   */
  send<Schema extends StandardSchema<any, any>>(
    signal: SignalReference<Schema>,
    payload: InferInput<Schema>,
    options?: ServerSignalOptions,
  ): Promise<SignalReceipt>;
  /** A token with which a page may subscribe to topics of a channel, and send signals. */
  token<const Channel extends ChannelInput>(
    channel: Channel,
    options?: TokenOptions<Channel>,
  ): Promise<string>;
  /**
   * The same with all that a page needs to use it, in the shape of Inngest's function of this
   * name. It can be what a server action returns.
   */
  getClientSubscriptionToken<const Channel extends ChannelInput>(
    options: { readonly channel: Channel } & TokenOptions<Channel>,
  ): Promise<ClientSubscriptionToken>;
  /** Ends all tokens with this id, and the subscriptions that they opened. */
  revoke(id: string): Promise<void>;
}

/**
 * A fanfare server, for whoever publishes to it and hands out tokens: servers
 * and server actions. It throws in a page, which must never see the signing key.
 *
 * @example
 * ```ts
 * const realtime = createRealtime({
 *   apiBaseUrl: "http://127.0.0.1:8080",
 *   signingKey: process.env.FANFARE_SIGNING_KEY,
 * });
 * ```
 */
export function createRealtime(options: RealtimeOptions): Realtime {
  refuseBrowsers();
  const { apiBaseUrl, signingKey, clientApiBaseUrl = apiBaseUrl, retries = 4 } = options;
  if (typeof signingKey !== "string" || signingKey === "") {
    throw new TypeError("`signingKey` is missing: give the key that the server was built with");
  }
  const settings: RequestSettings = { apiBaseUrl, signingKey, retries };
  const token = (channel: ChannelInput, tokenOptions: TokenOptions = {}) =>
    mint(settings, channel, tokenOptions);
  return {
    publish: (topic: TopicReference, value: unknown, publishOptions: PublishOptions = {}) =>
      publish(settings, topic, value, publishOptions),
    async send(signal, payload, signalOptions = {}) {
      const bearer = await hashedKey(signingKey);
      const access = async () => ({ bearer, apiBaseUrl, renewable: false });
      return sendSignal(signal, payload, { ...signalOptions, access, retries });
    },
    token,
    async getClientSubscriptionToken({ channel, ...tokenOptions }) {
      return {
        channel: nameOf(channel),
        topics: topicsOf(channel, tokenOptions),
        key: await token(channel, tokenOptions),
        apiBaseUrl: clientApiBaseUrl,
      };
    },
    async revoke(id) {
      await ask(settings, { route: "revoke", body: JSON.stringify({ jti: id }) });
    },
  };
}

async function publish(
  settings: RequestSettings,
  { channel, topic, config }: TopicReference,
  value: unknown,
  options: PublishOptions,
): Promise<{ readonly id: string }> {
  const { runId, idempotencyKey, signal } = options;
  const query = { channel, topic, run_id: runId };
  if ((config as Partial<StreamTopicConfig>).stream === "text") {
    const body = bytesOf(value as TextSource);
    const headers = {
      "content-type": "text/stream",
      ...(idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey }),
    };
    return idOf(await ask(settings, { route: "publish", query, headers, body, signal }));
  }
  await check(channel, topic, config.schema, value);
  const headers = {
    "content-type": "application/json",
    "idempotency-key": idempotencyKey ?? crypto.randomUUID(),
  };
  const body = JSON.stringify(value);
  return idOf(await ask(settings, { route: "publish", query, headers, body, signal }));
}

/** Tells of an invalid payload here, where it arose, with all of its issues. */
async function check(
  channel: string,
  topic: string,
  schema: StandardSchema,
  payload: unknown,
): Promise<void> {
  const result = await schema["~standard"].validate(payload);
  if (result.issues !== undefined) {
    throw new RealtimeError(
      `The payload for "${channel}", topic "${topic}", is invalid: ${describeIssues(result.issues)}`,
      { issues: result.issues.map(payloadIssue) },
    );
  }
}

async function mint(
  settings: RequestSettings,
  channel: ChannelInput,
  tokenOptions: TokenOptions,
): Promise<string> {
  const { signals = [], expiresIn, subject, id } = tokenOptions;
  const of = (kind: string) => (name: string) => ({ channel: nameOf(channel), name, kind });
  const grants = [...topicsOf(channel, tokenOptions).map(of("run")), ...signals.map(of("signal"))];
  const query = { expires_in: expiresIn?.toString(), subject, id };
  const answer = await ask(settings, { route: "token", query, body: JSON.stringify(grants) });
  const { jwt } = (answer ?? {}) as { readonly jwt?: unknown };
  if (typeof jwt !== "string") {
    throw new RealtimeError(`${settings.apiBaseUrl} answered a request for a token with something else`);
  }
  return jwt;
}

function idOf(answer: unknown): { readonly id: string } {
  const { id } = (answer ?? {}) as { readonly id?: unknown };
  if (typeof id !== "string") {
    throw new RealtimeError("The server answered a publish without the id of the message");
  }
  return { id };
}

function nameOf(channel: ChannelInput): string {
  return typeof channel === "string" ? channel : channel.name;
}

function topicsOf(channel: ChannelInput, { topics, signals = [] }: TokenOptions): readonly string[] {
  const all = topics ?? (typeof channel === "string" ? [] : Object.keys(channel.topics));
  if (all.length === 0 && signals.length === 0) {
    throw new TypeError(`Which topics of "${nameOf(channel)}" is the token for? Give \`topics\``);
  }
  return all;
}
