import type {
  ChannelInput,
  SignalName,
  SignalReference,
  StreamTopicConfig,
  TopicConfig,
  TopicName,
  TopicReference,
} from "../channel/channel.js";
import { sendSignal } from "../runs/signal.js";
import type { SignalOptions, SignalReceipt } from "../runs/signal.js";
import { describeIssues, payloadIssue } from "../validate/standard-schema.js";
import type { InferInput, StandardSchema } from "../validate/standard-schema.js";
import { RealtimeError, request } from "./request.js";
import type { RequestSettings } from "./request.js";
import { hashedKey, refuseBrowsers } from "./signing-key.js";
import { bytesOf } from "./text-source.js";
import type { TextSource } from "./text-source.js";

/** Options of {@link createRealtime}. */
export interface RealtimeOptions {
  /** The base URL of the server's routes, up to `/v1/realtime`, as this process reaches it. */
  readonly apiBaseUrl: string;
  /** The server's signing key. A page must never have it. Throws if it is undefined. */
  readonly signingKey: string | undefined;
  /** The base URL as pages reach it, for client subscription tokens. Default: `apiBaseUrl`. */
  readonly clientApiBaseUrl?: string | undefined;
  /**
   * The maximum number of retries of a request that fails with a network error, 429 or 5xx. Default: 4.
   * Retries of a publish have its idempotency key, so they take effect once. Text streams are not retried.
   */
  readonly maxRetries?: number | undefined;
}

export interface PublishOptions {
  /** The id of the run that publishes, for the message's envelope. */
  readonly runId?: string | undefined;
  /**
   * Publishes of payloads with the same key on the same channel, within an hour, have the effect of one. The
   * server keeps the latest 1,000 keys of a channel. A key that was used for another topic or payload is
   * rejected. Default: a new key for each call. Ignored for a text stream, which is sent once.
   */
  readonly idempotencyKey?: string | undefined;
  /**
   * Cancels the request when aborted. `publish` then rejects with a {@link RealtimeError}, whose `cause` is
   * the reason of this `AbortSignal`, and the message may have been published nevertheless.
   */
  readonly abortSignal?: AbortSignal | undefined;
}

export interface ServerSignalOptions extends SignalOptions {
  /**
   * Signals with the same key on the same channel have the effect of one. A key is kept as long as its run.
   * A key that was used for another signal, payload or run is rejected. Default: a new key for each call.
   */
  readonly idempotencyKey?: string | undefined;
}

export interface TokenOptions<Channel extends ChannelInput = ChannelInput> {
  /** Default: all topics of the channel. A channel that is only a name has none. */
  readonly topics?: readonly TopicName<Channel>[] | undefined;
  /** The signals that the token may send to runs on the channel. Default: none. */
  readonly signals?: readonly SignalName<Channel>[] | undefined;
  /** The token's lifetime, in seconds. Default: 60. */
  readonly expiresInSeconds?: number | undefined;
  /** The user that the token is for. Signals that are sent with the token name the user as their sender. */
  readonly subject?: string | undefined;
  /** The id for {@link Realtime.revoke}. Tokens may share an id, for example that of a login. */
  readonly id?: string | undefined;
}

/** A token for a page, which its `token` function may return. The members have the names of Inngest's. */
export interface ClientSubscriptionToken {
  readonly channel: string;
  readonly topics: readonly string[];
  readonly key: string;
  readonly apiBaseUrl: string;
}

/** Access to a fanfare server from another server. */
export interface Realtime {
  /**
   * Publishes a payload, which is validated first, or a text stream. Resolves to the message's id once
   * the message is in the channel's log; for a text stream, to the id of its end. Rejects with a
   * {@link RealtimeError}.
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
   * Sends a signal to the run on a channel. The payload is validated first. Resolves once the signal
   * is recorded; rejects with a `SignalError`, or the reason of `abortSignal`, like `send` in a page.
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
  /** Creates a token that allows a page to subscribe to topics of a channel and to send signals. */
  token<const Channel extends ChannelInput>(
    channel: Channel,
    options?: TokenOptions<Channel>,
  ): Promise<string>;
  /**
   * Creates a token together with what a page needs to use it, such as for a server action. Has the
   * name and the result of Inngest's function.
   */
  getClientSubscriptionToken<const Channel extends ChannelInput>(
    options: { readonly channel: Channel } & TokenOptions<Channel>,
  ): Promise<ClientSubscriptionToken>;
  /** Revokes all tokens with this id, and ends their subscriptions. */
  revoke(id: string): Promise<void>;
}

/**
 * Returns the API of a fanfare server for other servers and server actions: publish, send signals,
 * create and revoke tokens. Throws in a page, which must never have the signing key.
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
  const { apiBaseUrl, signingKey, clientApiBaseUrl = apiBaseUrl, maxRetries = 4 } = options;
  if (typeof signingKey !== "string" || signingKey === "") {
    throw new TypeError("`signingKey` is missing: set it to the server's signing key");
  }
  const settings: RequestSettings = { apiBaseUrl, signingKey, maxRetries };
  const token = (channel: ChannelInput, tokenOptions: TokenOptions = {}) =>
    createToken(settings, channel, tokenOptions);
  return {
    publish: (topic: TopicReference, value: unknown, publishOptions: PublishOptions = {}) =>
      publish(settings, topic, value, publishOptions),
    async send(signal, payload, signalOptions = {}) {
      const bearer = await hashedKey(signingKey);
      const getAccess = async () => ({ bearer, apiBaseUrl, renewable: false });
      return sendSignal(signal, payload, { ...signalOptions, getAccess, maxRetries });
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
      await request(settings, { route: "revoke", body: JSON.stringify({ jti: id }) });
    },
  };
}

async function publish(
  settings: RequestSettings,
  { channel, topic, config }: TopicReference,
  value: unknown,
  options: PublishOptions,
): Promise<{ readonly id: string }> {
  const { runId, idempotencyKey, abortSignal } = options;
  const query = { channel, topic, run_id: runId };
  if ((config as Partial<StreamTopicConfig>).stream === "text") {
    const body = bytesOf(value as TextSource);
    const headers = { "content-type": "text/stream" };
    return idOf(await request(settings, { route: "publish", query, headers, body, abortSignal }));
  }
  await validatePayload(channel, topic, config.schema, value);
  const headers = {
    "content-type": "application/json",
    "idempotency-key": idempotencyKey ?? crypto.randomUUID(),
  };
  const body = JSON.stringify(value);
  return idOf(await request(settings, { route: "publish", query, headers, body, abortSignal }));
}

/** Throws an error with all issues if the payload is invalid. */
async function validatePayload(
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

async function createToken(
  settings: RequestSettings,
  channel: ChannelInput,
  tokenOptions: TokenOptions,
): Promise<string> {
  const { signals = [], expiresInSeconds, subject, id } = tokenOptions;
  const grant = (kind: string) => (name: string) => ({ channel: nameOf(channel), name, kind });
  const grants = [...topicsOf(channel, tokenOptions).map(grant("run")), ...signals.map(grant("signal"))];
  const query = { expires_in: expiresInSeconds?.toString(), subject, id };
  const response = await request(settings, { route: "token", query, body: JSON.stringify(grants) });
  const { jwt } = (response ?? {}) as { readonly jwt?: unknown };
  if (typeof jwt !== "string") {
    throw new RealtimeError(`${settings.apiBaseUrl} returned no token; check \`apiBaseUrl\``);
  }
  return jwt;
}

function idOf(response: unknown): { readonly id: string } {
  const { id } = (response ?? {}) as { readonly id?: unknown };
  if (typeof id !== "string") {
    throw new RealtimeError("The server did not return the id of the published message; check `apiBaseUrl`");
  }
  return { id };
}

function nameOf(channel: ChannelInput): string {
  return typeof channel === "string" ? channel : channel.name;
}

function topicsOf(channel: ChannelInput, { topics, signals = [] }: TokenOptions): readonly string[] {
  const all = topics ?? (typeof channel === "string" ? [] : Object.keys(channel.topics));
  if (all.length === 0 && signals.length === 0) {
    throw new TypeError(`A token for "${nameOf(channel)}" needs \`topics\` or \`signals\``);
  }
  return all;
}
