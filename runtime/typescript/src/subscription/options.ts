import type { ChannelInput, TopicName } from "../channel/channel.js";
import type { Drift } from "../channel/drift.js";
import type { InvalidMessageError } from "../errors.js";
import type { Gap, Message } from "../channel/message.js";
import type { RunUpdate } from "../runs/run-update.js";
import type { ConnectionOptions, ConnectionStatus } from "../connection/options.js";
import type { TokenInput } from "../connection/token.js";
import type { Cursor } from "../wire.js";

/** What `subscribe` takes. */
export interface SubscribeOptions<
  Channel extends ChannelInput = ChannelInput,
  Topics extends readonly TopicName<Channel>[] = readonly TopicName<Channel>[],
  Validate extends boolean = true,
> extends ConnectionOptions {
  readonly channel: Channel;
  /** Default: all topics of the channel. */
  readonly topics?: Topics | undefined;
  /**
   * The token, or a function that fetches one: called at first and whenever another one is needed.
   * `"session"` fetches none and comes by the page's own session.
   */
  readonly token?: TokenInput | undefined;
  /** The token as Inngest's SDK calls it; `token` comes first. */
  readonly key?: string | undefined;
  /**
   * Whether payloads are checked against the channel's schemas. Default: true.
   * With `false`, `data` is the JSON as it arrived.
   */
  readonly validate?: Validate | undefined;
  /**
   * Where to begin: `"now"` (the default), `"start"` of the history, after a message's id, or at a
   * `position` that an earlier subscription has left.
   */
  readonly since?: Cursor | undefined;
  /**
   * How many messages may wait for a slow reader. At the limit the connection
   * is left; once half of them were read, it resumes from the server's history,
   * so that memory stays bounded and nothing is lost. What history no longer
   * has by then is reported as a gap. Default: 10,000.
   */
  readonly bufferLimit?: number | undefined;
  /** Aborting it ends the subscription as `close()` does. */
  readonly signal?: AbortSignal | undefined;
  /** Called, in order with the messages, when messages were missed for good. */
  readonly onGap?: ((gap: Gap) => void) | undefined;
  /**
   * Called, in order with the messages, when a run on the channel begins, is tried again, waits
   * for a signal, halts or ends. A new subscriber gets the latest of these events at once.
   */
  readonly onRun?: ((update: RunUpdate<NoInfer<Channel>, NoInfer<Validate>>) => void) | undefined;
  /**
   * Called, in order with the messages, for each message, and each result of a
   * run, that breaks the definition. Without it `onError` is called; without either, the
   * subscription ends with the error, so that it cannot go unnoticed.
   */
  readonly onInvalid?: ((error: InvalidMessageError) => void) | undefined;
  /**
   * Called when something goes wrong that the subscription survives: the token
   * factory throws, the server cannot be reached, `onMessage` throws. Called
   * also when the subscription ends with an error, where there is no loop to
   * throw it. Without it, what `onMessage` throws and what ends the subscription
   * is an unhandled rejection, and all else goes to the console, each message once.
   * An error that this or another callback throws is reported as an uncaught error
   * (`window.onerror` sees it), and the subscription goes on.
   */
  readonly onError?: ((error: Error) => void) | undefined;
  /**
   * Called at every connect when the server's definition of the channel is
   * another than this page's. Without it, the console is told once a channel.
   */
  readonly onDrift?: ((drift: Drift) => void) | undefined;
}

/** Options of `subscribe` in its callback form. */
export interface SubscribeCallbackOptions<
  Channel extends ChannelInput = ChannelInput,
  Topics extends readonly TopicName<Channel>[] = readonly TopicName<Channel>[],
  Validate extends boolean = true,
> extends SubscribeOptions<Channel, Topics, Validate> {
  /** Called for each message. One call is awaited before the next is made. */
  readonly onMessage: MessageCallback<Channel, Topics, Validate>;
}

/** What the callback form of `subscribe` calls. */
export type MessageCallback<
  Channel extends ChannelInput,
  Topics extends readonly TopicName<Channel>[],
  Validate extends boolean = true,
> = (message: Message<Channel, Topics[number], Validate>) => void | Promise<void>;

/** A subscription that stands. */
export interface SubscriptionHandle {
  readonly connectionStatus: ConnectionStatus;
  /** The last gap, if there was one. */
  readonly gap: Gap | null;
  /**
   * Where another subscription would go on, as its `since`: after the last message that was
   * handed out. Keep it, once you have dealt with the message, to go on after a reload. Of a text
   * stream that is still open there, the rest is not told to who begins in its middle.
   */
  readonly position: Cursor;
  /** Resolves when the subscription ends: with the error that ended it, or null after `close()`. */
  readonly closed: Promise<Error | null>;
  /**
   * Ends the subscription. Messages that were not yet delivered are dropped. The reason is for
   * readers of your code, as Inngest's SDK takes one.
   */
  close(reason?: string): void;
  /** The same as `close`. */
  unsubscribe(reason?: string): void;
}

/** A subscription to iterate over. One reader at a time; leaving the loop closes it. */
export interface Subscription<SubscribedMessage> extends SubscriptionHandle {
  next(): Promise<IteratorResult<SubscribedMessage, undefined>>;
  return(): Promise<IteratorResult<SubscribedMessage, undefined>>;
  [Symbol.asyncIterator](): Subscription<SubscribedMessage>;
}
