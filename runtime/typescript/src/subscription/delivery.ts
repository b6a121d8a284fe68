import type { ChannelInput } from "../channel/channel.js";
import { envelopeOf } from "../channel/message.js";
import type { DataMessage, Gap, StreamView } from "../channel/message.js";
import { InvalidMessageError } from "../errors.js";
import type { TextStreamError } from "../errors.js";
import { parseRunUpdate } from "../runs/run-update.js";
import type { RunUpdate } from "../runs/run-update.js";
import type { StateEntry } from "./state.js";
import { validate } from "../validate/standard-schema.js";
import type { StandardIssue, StandardResult, StandardSchema } from "../validate/standard-schema.js";
import type {
  CaughtUpFrame,
  Cursor,
  DataFrame,
  GapFrame,
  LoggedFrame,
  RunFrame,
  StreamEndFrame,
  StreamStartFrame,
} from "../wire.js";

/** Resuming at `cursor` continues after the reported message. */
export interface DeliveryEvents {
  onMessage(message: DataMessage, cursor: Cursor): void;
  /** A text stream begins. Its chunks follow with {@link DeliveryEvents.onText}, under the stream's id. */
  onStream(head: StreamHead, streamId: string, cursor: Cursor): void;
  onText(text: string, streamId: string, cursor: Cursor): void;
  /** The text stream ended. Its text is complete if there is no failure. */
  onStreamEnd(streamId: string, failure: StreamFailure | undefined, cursor: Cursor): void;
  onInvalid(error: InvalidMessageError, cursor: Cursor): void;
  onRun(update: RunUpdate, cursor: Cursor): void;
  onGap(gap: Gap): void;
  /** A state was loaded in place of all messages before it. */
  onState(state: unknown, cursor: Cursor): void;
  /** Every message that was there when the client subscribed has been reported. */
  onCaughtUp(): void;
}

/** A text stream's envelope. */
export type StreamHead = Omit<StreamView, "data" | "status">;

/** Why the text of a stream is incomplete. */
export interface StreamFailure {
  readonly reason: TextStreamError["reason"];
  readonly message: string;
}

type Entry = LoggedFrame | GapFrame | CaughtUpFrame | StateEntry | (() => void);

interface Topic {
  readonly schema: StandardSchema | undefined;
  /** Undefined if the channel has no definition. */
  readonly isStream: boolean | undefined;
}

/**
 * Turns frames into messages: drops other topics, validates, and keeps the order even with slow
 * validators.
 */
export class Delivery {
  readonly #topics: ReadonlyMap<string, Topic> | "any";
  /** The schema of a run's result, if the definition has one. */
  readonly #result: StandardSchema | undefined;
  /** The ids of text streams that have not ended. */
  readonly #openStreams = new Set<string>();
  /** Entries behind the one that is being validated. */
  #waiting: (readonly [Entry, Cursor])[] = [];
  #isValidating = false;

  constructor(
    channel: ChannelInput,
    topics: readonly string[] | undefined,
    readonly settings: { readonly validate: boolean },
    readonly events: DeliveryEvents,
  ) {
    this.#topics = relevantTopics(channel, topics);
    this.#result = (channel as { readonly $result?: StandardSchema }).$result;
  }

  /** The number of frames that wait for a validator. */
  get pending(): number {
    return this.#waiting.length + (this.#isValidating ? 1 : 0);
  }

  /** Adds a frame, or an action that runs after all frames before it. */
  add(entry: Entry, cursor: Cursor = "now"): void {
    if (!this.#isRelevant(entry)) {
      return;
    }
    if (this.#isValidating) {
      this.#waiting.push([entry, cursor]);
      return;
    }
    this.#process(entry, cursor);
  }

  /** Ends all open text streams as incomplete. */
  failStreams(failure: StreamFailure, cursor: Cursor): void {
    for (const streamId of this.#openStreams) {
      this.events.onStreamEnd(streamId, failure, cursor);
    }
    this.#openStreams.clear();
  }

  #isRelevant(entry: Entry): boolean {
    return typeof entry === "function" || !("topic" in entry) || this.#topic(entry.topic) !== undefined;
  }

  #topic(name: string): Topic | undefined {
    return this.#topics === "any"
      ? { schema: undefined, isStream: undefined }
      : this.#topics.get(name);
  }

  #process(entry: Entry, cursor: Cursor): void {
    if (typeof entry === "function") {
      return entry();
    }
    switch (entry.kind) {
      case "data":
        return this.#deliverPayload(entry, cursor);
      case "datastream-start":
        return this.#startStream(entry, cursor);
      case "chunk":
        // Dropped if the start of the text was not received.
        return this.#openStreams.has(entry.stream_id)
          ? this.events.onText(entry.data, entry.stream_id, cursor)
          : undefined;
      case "datastream-end":
        return this.#openStreams.delete(entry.data)
          ? this.events.onStreamEnd(entry.data, streamFailure(entry), cursor)
          : undefined;
      case "run":
        return this.#deliverRun(entry, cursor);
      case "caught-up":
        return this.events.onCaughtUp();
      default:
        return this.#deliverBreak(entry, cursor);
    }
  }

  /** Delivers a gap, or a state in place of it. */
  #deliverBreak(entry: GapFrame | StateEntry, cursor: Cursor): void {
    this.failStreams({ reason: "gap", message: "chunks of it are no longer in the server's history" }, cursor);
    return entry.kind === "state"
      ? this.events.onState(entry.state, cursor)
      : this.events.onGap({ channel: entry.channel, after: entry.after, before: entry.before });
  }

  #startStream(frame: StreamStartFrame, cursor: Cursor): void {
    if (this.#topic(frame.topic)?.isStream === false) {
      const issue = { message: "expected a payload on this topic, got a text stream" };
      return this.#reportInvalid(frame, [issue], cursor);
    }
    this.#openStreams.add(frame.data);
    const { topic } = frame;
    this.events.onStream({ kind: "stream", topic, ...envelopeOf(frame) }, frame.data, cursor);
  }

  #deliverPayload(frame: DataFrame, cursor: Cursor): void {
    const { schema, isStream } = this.#topic(frame.topic) ?? {};
    if (isStream === true) {
      const issue = { message: "expected a text stream on this topic, got a payload" };
      return this.#reportInvalid(frame, [issue], cursor);
    }
    if (!this.settings.validate || schema === undefined) {
      return this.#deliverMessage(frame, frame.data, cursor);
    }
    this.#validate(schema, frame.data, (result) =>
      result.issues === undefined
        ? this.#deliverMessage(frame, result.value, cursor)
        : this.#reportInvalid(frame, result.issues, cursor),
    );
  }

  #deliverRun(frame: RunFrame, cursor: Cursor): void {
    const update = parseRunUpdate(frame);
    const { result, ...withoutResult } = update;
    if (!this.settings.validate || this.#result === undefined || !("result" in update)) {
      return this.events.onRun(update, cursor);
    }
    this.#validate(this.#result, result, (checked) => {
      if (checked.issues === undefined) {
        return this.events.onRun({ ...withoutResult, result: checked.value }, cursor);
      }
      // The run has ended, even if its result is invalid.
      this.events.onRun(withoutResult, cursor);
      const { channel, id } = frame;
      this.events.onInvalid(new InvalidMessageError(channel, undefined, id, result, checked.issues), cursor);
    });
  }

  /** Validates. Later entries wait for an asynchronous validator. */
  #validate(schema: StandardSchema, data: unknown, settle: (result: StandardResult<unknown>) => void): void {
    const result = validate(schema, data);
    if (!(result instanceof Promise)) {
      return settle(result);
    }
    this.#isValidating = true;
    void result.then((settled) => {
      this.#isValidating = false;
      settle(settled);
      this.#continue();
    });
  }

  #continue(): void {
    while (!this.#isValidating) {
      const next = this.#waiting.shift();
      if (next === undefined) {
        return;
      }
      this.#process(...next);
    }
  }

  #deliverMessage(frame: DataFrame, data: unknown, cursor: Cursor): void {
    const { topic } = frame;
    this.events.onMessage({ kind: "data", topic, ...envelopeOf(frame), data }, cursor);
  }

  #reportInvalid(frame: DataFrame | StreamStartFrame, issues: readonly StandardIssue[], cursor: Cursor): void {
    const { channel, topic, id, data } = frame;
    this.events.onInvalid(new InvalidMessageError(channel, topic, id, data, issues), cursor);
  }
}

function relevantTopics(
  channel: ChannelInput,
  topics: readonly string[] | undefined,
): ReadonlyMap<string, Topic> | "any" {
  const unknown = { schema: undefined, isStream: undefined };
  if (typeof channel === "string") {
    return topics === undefined ? "any" : new Map(topics.map((topic) => [topic, unknown]));
  }
  const known = new Map(
    Object.entries(channel.topics).map(([name, { schema, stream }]) => [
      name,
      { schema, isStream: stream === "text" },
    ]),
  );
  return new Map((topics ?? [...known.keys()]).map((topic) => [topic, known.get(topic) ?? unknown]));
}

function streamFailure({ error, stopped }: StreamEndFrame): StreamFailure | undefined {
  return error === undefined ? undefined : { reason: stopped === true ? "stopped" : "failed", message: error };
}
