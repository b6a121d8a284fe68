import type { ChannelInput, TopicName } from "../channel/channel.js";
import type { Message } from "../channel/message.js";
import { LiveSubscription } from "./live-subscription.js";
import type {
  MessageCallback,
  SubscribeCallbackOptions,
  SubscribeOptions,
  Subscription,
  SubscriptionHandle,
} from "./options.js";

/**
 * Subscribes to topics of a channel. Resolves when the server has confirmed:
 * a message published after that arrives.
 *
 * A lost connection is made again and resumes where it stopped; nothing is
 * lost, nothing comes twice, and what the server no longer has is reported as
 * a {@link Gap}. Rejects when that would be of no use: the token does not
 * grant the channel, the server refused for good, an option is missing. A
 * server that cannot be reached and one that refuses the token look the same
 * to a web page, so both are tried again, and `onError` is told each time;
 * without one, the console is told once.
 *
 * @example
 * ```ts
 * const messages = await subscribe({ channel: pipeline({ runId }), topics: ["status"], token });
 * for await (const message of messages) {
 *   console.log(message.data.message);
 * }
 * ```
 *
 * @example With a callback
 * ```ts
 * const subscription = await subscribe({
 *   channel: pipeline({ runId }),
 *   token: () => fetchToken(runId),
 *   onMessage: (message) => {
 *     if (message.topic === "status") show(message.data.message);
 *   },
 * });
 * subscription.close();
 * ```
 */
export function subscribe<
  const Channel extends ChannelInput,
  const Topics extends readonly TopicName<Channel>[] = readonly TopicName<Channel>[],
  const Validate extends boolean = true,
>(
  options: SubscribeCallbackOptions<Channel, Topics, Validate>,
): Promise<SubscriptionHandle>;
export function subscribe<
  const Channel extends ChannelInput,
  const Topics extends readonly TopicName<Channel>[] = readonly TopicName<Channel>[],
  const Validate extends boolean = true,
>(
  options: SubscribeOptions<Channel, Topics, Validate> & { readonly onMessage?: undefined },
): Promise<Subscription<Message<Channel, Topics[number], Validate>>>;
export function subscribe<
  const Channel extends ChannelInput,
  const Topics extends readonly TopicName<Channel>[] = readonly TopicName<Channel>[],
  const Validate extends boolean = true,
>(
  options: SubscribeOptions<Channel, Topics, Validate>,
  onMessage: MessageCallback<Channel, Topics, Validate>,
): Promise<SubscriptionHandle>;
export async function subscribe(
  options: SubscribeOptions<ChannelInput, readonly string[], boolean> & {
    readonly onMessage?: ((message: Message) => void | Promise<void>) | undefined;
  },
  callback?: (message: Message) => void | Promise<void>,
): Promise<SubscriptionHandle> {
  options.signal?.throwIfAborted();
  const subscription = new LiveSubscription(options);
  await subscription.confirmed;
  const onMessage = options.onMessage ?? callback;
  if (onMessage !== undefined) {
    subscription.deliverTo(onMessage);
  }
  return subscription;
}
