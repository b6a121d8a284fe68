import type { ChannelInput, TopicName } from "../channel/channel.js";
import type { MessageView } from "../channel/message.js";
import type { RealtimeOptions } from "./settings.js";
import type { RealtimeSnapshot } from "./snapshot.js";
import type { StateOptions } from "./state.js";

/** Options to read one topic: those of a store, with `topic` in place of `topics`. */
export interface TopicOptions<
  Channel extends ChannelInput = ChannelInput,
  Topic extends TopicName<Channel> = TopicName<Channel>,
  Validate extends boolean = true,
  State = any,
> extends Omit<RealtimeOptions<ChannelInput, readonly string[], Validate>, "channel" | "topics" | keyof StateOptions>,
    StateOptions<Channel, readonly [Topic], Validate, State> {
  /** Without a channel the store is idle, for example while an id is still being fetched. */
  readonly channel: Channel | undefined;
  readonly topic: Topic;
}

/** A snapshot of a store that reads one topic. */
export interface TopicSnapshot<
  Channel extends ChannelInput = ChannelInput,
  Topic extends TopicName<Channel> = TopicName<Channel>,
  Validate extends boolean = true,
  State = unknown,
> extends Omit<RealtimeSnapshot<Channel, readonly [Topic], Validate, State>, "messages"> {
  /** The latest payload, or the text so far; undefined until there is one. */
  readonly data: MessageView<Channel, Topic, Validate>["data"] | undefined;
  /** The latest message, with its envelope; null until there is one. */
  readonly message: MessageView<Channel, Topic, Validate> | null;
  /** The latest messages, oldest first, up to `historyLimit`. */
  readonly messages: readonly MessageView<Channel, Topic, Validate>[];
}

/** Returns the options of a store that reads the topic. */
export function toStoreOptions({ topic, ...options }: TopicOptions): RealtimeOptions {
  return { ...options, topics: [topic] };
}

/** Returns the members of a topic's snapshot that differ from those of its store. */
export function readTopic({ last, all }: RealtimeSnapshot["messages"]): Pick<TopicSnapshot, "data" | "message" | "messages"> {
  return { data: last?.data, message: last, messages: all };
}
