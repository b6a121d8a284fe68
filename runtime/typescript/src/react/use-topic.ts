import type { ChannelInput, TopicName } from "../channel/channel.js";
import type { RealtimeActions } from "../subscription/snapshot.js";
import { readTopic, toStoreOptions } from "../subscription/topic.js";
import type { TopicOptions, TopicSnapshot } from "../subscription/topic.js";
import { useRealtime } from "./use-realtime.js";
import type { UseRealtimeOptions } from "./use-realtime.js";

/** Options of {@link useTopic}: those of `useRealtime`, with one topic. */
export interface UseTopicOptions<
  Channel extends ChannelInput = ChannelInput,
  Topic extends TopicName<Channel> = TopicName<Channel>,
  Validate extends boolean = true,
  State = any,
> extends TopicOptions<Channel, Topic, Validate, State> {}

/** The result of {@link useTopic}: that of `useRealtime`, with the messages of one topic. */
export interface UseTopicResult<
  Channel extends ChannelInput = ChannelInput,
  Topic extends TopicName<Channel> = TopicName<Channel>,
  Validate extends boolean = true,
  State = unknown,
> extends TopicSnapshot<Channel, Topic, Validate, State>,
    RealtimeActions<Channel> {}

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
  State = undefined,
>(options: UseTopicOptions<Channel, Topic, Validate, State>): UseTopicResult<Channel, Topic, Validate, State> {
  const result = useRealtime(toStoreOptions(options as unknown as TopicOptions) as UseRealtimeOptions);
  return { ...result, ...readTopic(result.messages) } as unknown as UseTopicResult<Channel, Topic, Validate, State>;
}
