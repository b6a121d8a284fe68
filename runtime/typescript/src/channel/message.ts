import type { LoggedFrame } from "../wire.js";
import type { ChannelInput, ChannelName, IsStream, Payload, TopicName } from "./channel.js";

/**
 * What a topic carries, with its envelope, as subscribers get it: a payload
 * (`kind: "data"`) or a text stream (`kind: "stream"`). A union over the topics:
 * comparing `topic` narrows `data`.
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

/**
 * The same as a view shows it, the text of a stream so far in place of the
 * stream: what `useRealtime` gives.
 */
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

/** Of a channel that is but a name nobody knows what its topics carry. */
type Of<Channel extends ChannelInput, Data, Stream, Topic extends string> = Channel extends string
  ? Data | Stream
  : IsStream<Channel, Topic> extends true
    ? Stream
    : Data;

interface Envelope<Channel extends ChannelInput, Topic extends string> {
  readonly channel: ChannelName<Channel>;
  readonly topic: Topic;
  /** Opaque; ids of a channel ascend in the order of publishing. */
  readonly id: string;
  readonly createdAt: Date;
  /** The run that published it, where one did. */
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
 * A text stream, delivered when it begins. It goes on across reconnects; it
 * ends with a {@link TextStreamError} where its text is not complete.
 */
export interface StreamMessage<Channel extends ChannelInput = string, Topic extends string = string>
  extends Envelope<Channel, Topic> {
  readonly kind: "stream";
  /** The text, piece by piece. */
  readonly data: ReadableStream<string>;
}

/** A text stream as a view shows it: another object each time the text has grown. */
export interface StreamView<Channel extends ChannelInput = string, Topic extends string = string>
  extends Envelope<Channel, Topic> {
  readonly kind: "stream";
  /** The text so far. */
  readonly data: string;
  /** `stopped`: ended on purpose before it was complete. `failed`: incomplete for any other reason. */
  readonly status: "streaming" | "complete" | "stopped" | "failed";
}

/** Messages that this subscriber missed and that the server no longer has. */
export interface Gap {
  readonly channel: string;
  /** The id of the last message before the gap. */
  readonly after: string;
  /** The id of the first message after the gap. */
  readonly before: string;
}

/** The envelope of a frame, as messages and run updates carry it. */
export function envelope(frame: LoggedFrame): Omit<DataMessage, "kind" | "topic" | "data"> {
  return {
    channel: frame.channel,
    id: frame.id,
    createdAt: new Date(frame.created_at),
    ...(typeof frame.run_id === "string" ? { runId: frame.run_id } : {}),
  };
}
