import type { LoggedFrame } from "../wire.js";
import type { ChannelInput, ChannelName, IsStream, Payload, TopicName } from "./channel.js";

/**
 * A message as subscribers receive it: a payload (`kind: "data"`) or a text stream
 * (`kind: "stream"`), with an envelope. A union over the topics, so comparing `topic` narrows `data`.
 *
 * @example
 * ```ts
 * function show(message: Message<ReturnType<typeof pipeline>>) {
 *   if (message.topic === "status") console.log(message.data.message);
 * }
 * ```
 */
export type Message<
  Channel extends ChannelInput = string,
  Topics extends string = TopicName<Channel>,
  Validate extends boolean = true,
> = {
  [Topic in Topics]: Of<
    Channel,
    DataMessage<Channel, Topic, Validate>,
    StreamMessage<Channel, Topic>,
    Topic
  >;
}[Topics];

/** A message as `useRealtime` returns it: in place of a text stream, it has the text so far. */
export type MessageView<
  Channel extends ChannelInput = string,
  Topics extends string = TopicName<Channel>,
  Validate extends boolean = true,
> = {
  [Topic in Topics]: Of<
    Channel,
    DataMessage<Channel, Topic, Validate>,
    StreamView<Channel, Topic>,
    Topic
  >;
}[Topics];

/** The type of a topic's messages. The topics of a channel that is only a name may carry either kind. */
type Of<Channel extends ChannelInput, Data, Stream, Topic extends string> = Channel extends string
  ? Data | Stream
  : IsStream<Channel, Topic> extends true
    ? Stream
    : Data;

interface Envelope<Channel extends ChannelInput, Topic extends string> {
  readonly channel: ChannelName<Channel>;
  readonly topic: Topic;
  /** Opaque. The ids of a channel ascend in the order of publishing. */
  readonly id: string;
  readonly createdAt: Date;
  /** The run that published the message, if a run did. */
  readonly runId?: string;
}

/** A payload. */
export interface DataMessage<
  Channel extends ChannelInput = string,
  Topic extends string = string,
  Validate extends boolean = true,
> extends Envelope<Channel, Topic> {
  readonly kind: "data";
  readonly data: Payload<Channel, Topic, Validate>;
}

/**
 * A text stream, delivered when it begins. It continues after a reconnect. If the text is incomplete,
 * it ends with a {@link TextStreamError}.
 */
export interface StreamMessage<Channel extends ChannelInput = string, Topic extends string = string>
  extends Envelope<Channel, Topic> {
  readonly kind: "stream";
  /** The text, in chunks. */
  readonly data: ReadableStream<string>;
}

/** The current state of a text stream. Each change makes a new object. */
export interface StreamView<Channel extends ChannelInput = string, Topic extends string = string>
  extends Envelope<Channel, Topic> {
  readonly kind: "stream";
  /** The text so far. */
  readonly data: string;
  /** `stopped`: ended on purpose before the text was complete. `failed`: incomplete for another reason. */
  readonly status: "streaming" | "complete" | "stopped" | "failed";
}

/** Messages that the subscriber missed and that the server no longer has. */
export interface Gap {
  readonly channel: string;
  /** The id of the last message before the gap. */
  readonly after: string;
  /** The id of the first message after the gap. */
  readonly before: string;
}

/** Returns the envelope of a frame, which messages and run updates have. */
export function envelopeOf(frame: LoggedFrame): Omit<DataMessage, "kind" | "topic" | "data"> {
  return {
    channel: frame.channel,
    id: frame.id,
    createdAt: new Date(frame.created_at),
    ...(typeof frame.run_id === "string" ? { runId: frame.run_id } : {}),
  };
}
