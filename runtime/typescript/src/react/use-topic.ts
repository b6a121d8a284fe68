import type { ChannelInput, TopicName } from "../channel/channel.js";
import type { MessageView } from "../channel/message.js";
import type { RealtimeOptions } from "../subscription/settings.js";
import { useRealtime } from "./use-realtime.js";
import type { UseRealtimeOptions, UseRealtimeResult } from "./use-realtime.js";

/** Options of {@link useTopic}: those of `useRealtime`, with one topic. */
export interface UseTopicOptions<
  Channel extends ChannelInput = ChannelInput,
  Topic extends TopicName<Channel> = TopicName<Channel>,
  Validate extends boolean = true,
> extends Omit<RealtimeOptions<ChannelInput, readonly string[], Validate>, "channel" | "topics"> {
  /** Without a channel the hook is idle, for example while an id is still being fetched. */
  readonly channel: Channel | undefined;
  readonly topic: Topic;
}

/** The result of {@link useTopic}: that of `useRealtime`, with the messages of one topic. */
export interface UseTopicResult<
  Channel extends ChannelInput = ChannelInput,
  Topic extends TopicName<Channel> = TopicName<Channel>,
  Validate extends boolean = true,
> extends Omit<UseRealtimeResult<Channel, readonly [Topic], Validate>, "messages"> {
  /** The latest payload, or the text so far; undefined until there is one. */
  readonly data: MessageView<Channel, Topic, Validate>["data"] | undefined;
  /** The latest message, with its envelope; null until there is one. */
  readonly message: MessageView<Channel, Topic, Validate> | null;
  /** The latest messages, oldest first, up to `historyLimit`. */
  readonly messages: readonly MessageView<Channel, Topic, Validate>[];
}

/**
 * Subscribes a component to one topic, and returns its latest value.
 *
 * @example
 * ```tsx
 * const { data: status, error } = useTopic({ channel: pipeline({ runId }), topic: "status", token });
 * return <p>{error?.message ?? status?.message}</p>;
 * ```
 */
export function useTopic<
  const Channel extends ChannelInput,
  const Topic extends TopicName<Channel>,
  const Validate extends boolean = true,
>({ topic, ...options }: UseTopicOptions<Channel, Topic, Validate>): UseTopicResult<Channel, Topic, Validate> {
  const { messages, ...others } = useRealtime({ ...options, topics: [topic] } as UseRealtimeOptions);
  const message = messages.last;
  return { ...others, data: message?.data, message, messages: messages.all } as unknown as UseTopicResult<Channel, Topic, Validate>;
}
