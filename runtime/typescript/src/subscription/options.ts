import type { ChannelInput, TopicName } from "../channel/channel.js";
import type { Drift } from "../channel/drift.js";
import type { Gap, Message } from "../channel/message.js";
import type { ConnectionOptions, ConnectionStatus } from "../connection/options.js";
import type { TokenInput } from "../connection/token.js";
import type { InvalidMessageError } from "../errors.js";
import type { RunUpdate } from "../runs/run-update.js";
import type { Cursor } from "../wire.js";
import type { StateFunction } from "./state.js";

/** Options of `subscribe`. */
export interface SubscribeOptions<
  Channel extends ChannelInput = ChannelInput,
  Topics extends readonly TopicName<Channel>[] = readonly TopicName<Channel>[],
  Validate extends boolean = true,
  State = any,
> extends ConnectionOptions {
  readonly channel: Channel;
  /** Default: all topics of the channel that the token or session grants. */
  readonly topics?: Topics | undefined;
  /**
   * A token, or a function that returns one, which is called whenever a new token is needed.
   * `"session"` uses the page's own session instead.
   */
  readonly token?: TokenInput | undefined;
  /** The token, under the name that Inngest's `subscribe` uses. `token` takes precedence. */
  readonly key?: string | undefined;
  /**
   * Whether to validate payloads with the channel's schemas. Default: true. With `false`, `data` is
   * the JSON as it arrived.
   */
  readonly validate?: Validate | undefined;
  /**
   * Where to begin: `"now"` (the default), at the `"start"` of the history, after a message id, or at
   * the `position` of an earlier subscription.
   */
  readonly since?: Cursor | undefined;
  /**
   * The maximum number of messages that are buffered for a slow reader. At the limit the subscription
   * pauses; once half of them were read, it resumes from the server's history, so that memory stays bounded. Messages
   * that the history no longer has by then are reported as a gap. Default: 10,000.
   */
  readonly bufferLimit?: number | undefined;
  /**
   * Closes the subscription when aborted, as `close()` does. Until the server has confirmed the
   * subscription, `subscribe` then rejects with the reason of this `AbortSignal`.
   */
  readonly abortSignal?: AbortSignal | undefined;
  /**
   * Loads the state that messages continue, such as rows of the application's database. It is called before the
   * subscription begins, which then starts at the returned position (`since` has no effect), and again in place of
   * each gap: `onState` receives the new state, and `onGap` is not called.
   *
   * @example
   * ```ts
   * const subscription = await subscribe({
   *   channel: shop({ shopId }),
   *   token,
   *   state: async ({ abortSignal }) => {
   *     const response = await fetch("/api/orders", { signal: abortSignal });
   *     if (!response.ok) throw new Error(await response.text());
   *     return (await response.json()) as StateSnapshot<Order[]>;
   *   },
   *   onState: (orders) => replaceAll(orders),
   *   onMessage: ({ data: order }) => replace(order),
   * });
   * ```
   */
  readonly state?: StateFunction<State> | undefined;
  /**
   * Called, in order with the messages, with each state that `state` has loaded. All messages that follow come after
   * its position.
   */
  readonly onState?: ((state: NoInfer<State>) => void) | undefined;
  /** Called, in order with the messages, when messages were missed for good. */
  readonly onGap?: ((gap: Gap) => void) | undefined;
  /**
   * Called, in order with the messages, once every message that the server had for this subscription when it
   * began has been delivered: retained messages, or after a reconnect, the missed ones. Later messages are new.
   */
  readonly onCaughtUp?: (() => void) | undefined;
  /**
   * Called, in order with the messages, when a run on the channel begins, starts another attempt,
   * waits for a signal, halts or ends. A new subscriber receives the latest of these events at once.
   */
  readonly onRun?: ((update: RunUpdate<NoInfer<Channel>, NoInfer<Validate>>) => void) | undefined;
  /**
   * Called, in order with the messages, for each message and each result of a run that does not match
   * the definition. Default: `onError`. Without either, the subscription ends with the error, so that
   * it cannot go unnoticed.
   */
  readonly onInvalid?: ((error: InvalidMessageError) => void) | undefined;
  /**
   * Called for errors that the subscription survives: the `token` or `state` function throws, the server is
   * unreachable, `onMessage` throws. In the callback form, also called with the error that ends the
   * subscription.
   *
   * Without `onError`: an error from `onMessage` ends the subscription; in the callback form, the error
   * that ends it becomes an unhandled rejection; other errors are logged once per text.
   *
   * If `onError`, `onState`, `onGap`, `onCaughtUp`, `onRun`, `onInvalid` or `onDrift` throws, the error is reported as uncaught,
   * and the subscription continues.
   */
  readonly onError?: ((error: Error) => void) | undefined;
  /**
   * Called at every connect if this page does not work with the server because the channel's definition
   * has changed, or if the server does not know this page's definition. Without it, the drift is logged to the
   * console once per definition.
   */
  readonly onDrift?: ((drift: Drift) => void) | undefined;
}

/** Options of `subscribe` in its callback form. */
export interface SubscribeCallbackOptions<
  Channel extends ChannelInput = ChannelInput,
  Topics extends readonly TopicName<Channel>[] = readonly TopicName<Channel>[],
  Validate extends boolean = true,
  State = any,
> extends SubscribeOptions<Channel, Topics, Validate, State> {
  /** Called for each message. Each call is awaited before the next. */
  readonly onMessage: MessageCallback<Channel, Topics, Validate>;
}

/** The callback of `subscribe`. */
export type MessageCallback<
  Channel extends ChannelInput,
  Topics extends readonly TopicName<Channel>[],
  Validate extends boolean = true,
> = (message: Message<Channel, Topics[number], Validate>) => void | Promise<void>;

/** An open subscription. */
export interface SubscriptionHandle {
  readonly connectionStatus: ConnectionStatus;
  /** The last gap; null if there was none. */
  readonly gap: Gap | null;
  /**
   * The position after the last message that was delivered. To resume after a reload, save it once
   * you have handled the message, and pass it as `since`. A subscription that begins in the middle of
   * a text stream does not receive the rest of that stream.
   */
  readonly position: Cursor;
  /** Resolves when the subscription ends: to the error that ended it, or to null after `close()`. */
  readonly closed: Promise<Error | null>;
  /**
   * Ends the subscription and drops undelivered messages. `reason` is ignored; it is accepted because
   * Inngest's SDK takes one.
   */
  close(reason?: string): void;
  /** Does the same as `close`. */
  unsubscribe(reason?: string): void;
}

/** A subscription to iterate over, with one reader at a time. Leaving the loop closes it. */
export interface Subscription<SubscribedMessage> extends SubscriptionHandle {
  next(): Promise<IteratorResult<SubscribedMessage, undefined>>;
  return(): Promise<IteratorResult<SubscribedMessage, undefined>>;
  [Symbol.asyncIterator](): Subscription<SubscribedMessage>;
}
