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
 * Subscribes to topics of a channel. Resolves once the server has confirmed the subscription; every
 * message published after that is delivered.
 *
 * After a lost connection the subscription resumes where it stopped: no message is lost or repeated,
 * and messages that the server no longer has are reported as a {@link Gap}. Rejects if retrying would
 * not help: the token or session does not grant the channel, the server refused permanently, or an option
 * is missing. Also rejects, with the reason of `abortSignal`, if that is aborted before the server has
 * confirmed the subscription. Other failures are retried and reported to `onError`, or, without it, logged
 * once; a web page cannot distinguish an unreachable server from one that refuses the token, so both are
 * retried.
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
  State = undefined,
>(
  options: SubscribeCallbackOptions<Channel, Topics, Validate, State>,
): Promise<SubscriptionHandle>;
export function subscribe<
  const Channel extends ChannelInput,
  const Topics extends readonly TopicName<Channel>[] = readonly TopicName<Channel>[],
  const Validate extends boolean = true,
  State = undefined,
>(
  options: SubscribeOptions<Channel, Topics, Validate, State> & { readonly onMessage?: undefined },
): Promise<Subscription<Message<Channel, Topics[number], Validate>>>;
export function subscribe<
  const Channel extends ChannelInput,
  const Topics extends readonly TopicName<Channel>[] = readonly TopicName<Channel>[],
  const Validate extends boolean = true,
  State = undefined,
>(
  options: SubscribeOptions<Channel, Topics, Validate, State>,
  onMessage: MessageCallback<Channel, Topics, Validate>,
): Promise<SubscriptionHandle>;
export async function subscribe(
  options: SubscribeOptions<ChannelInput, readonly string[], boolean> & {
    readonly onMessage?: ((message: Message) => void | Promise<void>) | undefined;
  },
  callback?: (message: Message) => void | Promise<void>,
): Promise<SubscriptionHandle> {
  options.abortSignal?.throwIfAborted();
  const subscription = new LiveSubscription(options);
  await subscription.confirmed;
  const onMessage = options.onMessage ?? callback;
  if (onMessage !== undefined) {
    subscription.deliverTo(onMessage);
  }
  return subscription;
}
