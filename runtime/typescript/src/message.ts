import type { ChannelInput, Payload, TopicName } from "./channel.js";

/**
 * A payload with its envelope, as subscribers get it. A union over the topics:
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
  [Topic in Topics]: {
    readonly kind: "data";
    readonly channel: Channel extends { readonly name: infer Name extends string } ? Name : string;
    readonly topic: Topic;
    /** Opaque; ids of a channel ascend in the order of publishing. */
    readonly id: string;
    readonly createdAt: Date;
    /** The run that published it, where one did. */
    readonly runId?: string;
    readonly data: Payload<Channel, Topic, Validate>;
  };
}[Topics];

/** Messages that this subscriber missed and that the server no longer has. */
export interface Gap {
  readonly channel: string;
  /** The id of the last message before the gap. */
  readonly after: string;
  /** The id of the first message after the gap. */
  readonly before: string;
}

/** Where a run stands; `unknown` until the server or a message tells. */
export type RunStatus = "unknown" | "running" | "completed" | "failed" | "cancelled";

/** News of the run that a channel belongs to. */
export interface RunUpdate {
  readonly channel: string;
  readonly createdAt: Date;
  /** Left out where the frame does not tell it. */
  readonly status?: Exclude<RunStatus, "unknown">;
  /** What the run returned; present only once it did. */
  readonly result?: unknown;
}

/** Whether a run has ended, however it did. */
export function isTerminal(status: RunStatus): boolean {
  return status === "completed" || status === "failed" || status === "cancelled";
}
