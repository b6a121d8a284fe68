import type { ChannelInput } from "../channel/channel.js";
import { InvalidMessageError } from "../errors.js";
import type { TextStreamError } from "../errors.js";
import { envelope } from "../channel/message.js";
import type { DataMessage, Gap, StreamView } from "../channel/message.js";
import { parseRunUpdate } from "../runs/run-update.js";
import type { RunUpdate } from "../runs/run-update.js";
import { validate } from "../validate/standard-schema.js";
import type { StandardIssue, StandardResult, StandardSchema } from "../validate/standard-schema.js";
import type {
  Cursor,
  DataFrame,
  GapFrame,
  LoggedFrame,
  RunFrame,
  StreamEndFrame,
  StreamStartFrame,
} from "../wire.js";

/** Resuming at a `cursor` goes on after what came with it. */
export interface DeliveryEvents {
  onMessage(message: DataMessage, cursor: Cursor): void;
  /** A text stream begins. Its text follows with {@link DeliveryEvents.onText}, under the stream's id. */
  onStream(head: StreamHead, streamId: string, cursor: Cursor): void;
  onText(text: string, streamId: string, cursor: Cursor): void;
  /** No more text comes; the text is complete where there is no failure. */
  onStreamEnd(streamId: string, failure: StreamFailure | undefined, cursor: Cursor): void;
  onInvalid(error: InvalidMessageError, cursor: Cursor): void;
  onRun(update: RunUpdate, cursor: Cursor): void;
  onGap(gap: Gap): void;
}

/** A text stream's envelope. */
export type StreamHead = Omit<StreamView, "data" | "status">;

/** Why the text of a stream is not complete. */
export interface StreamFailure {
  readonly reason: TextStreamError["reason"];
  readonly why: string;
}

type Entry = LoggedFrame | GapFrame | (() => void);

interface Topic {
  readonly schema: StandardSchema | undefined;
  /** Undefined where no definition tells. */
  readonly isStream: boolean | undefined;
}

/**
 * Makes messages of frames: ignores topics nobody asked for, validates, and
 * keeps the order however long a validator takes.
 */
export class Delivery {
  readonly #topics: ReadonlyMap<string, Topic> | "any";
  /** What a run returns, where the definition says so. */
  readonly #result: StandardSchema | undefined;
  /** The ids of text streams that have begun and not ended. */
  readonly #openStreams = new Set<string>();
  #waiting: (readonly [Entry, Cursor])[] = [];
  #isValidating = false;

  constructor(
    channel: ChannelInput,
    topics: readonly string[] | undefined,
    readonly settings: { validate: boolean },
    readonly events: DeliveryEvents,
  ) {
    this.#topics = wantedTopics(channel, topics);
    this.#result = (channel as { readonly $result?: StandardSchema }).$result;
  }

  /** How many frames wait for a validator. */
  get pending(): number {
    return this.#waiting.length + (this.#isValidating ? 1 : 0);
  }

  /** Takes a frame, or an action that shall happen after all frames before it. */
  accept(entry: Entry, cursor: Cursor = "now"): void {
    if (!this.#isWanted(entry)) {
      return;
    }
    if (this.#isValidating) {
      this.#waiting.push([entry, cursor]);
      return;
    }
    this.#process(entry, cursor);
  }

  /** No frame will come any more: what is open stays incomplete. */
  failStreams(failure: StreamFailure, cursor: Cursor): void {
    for (const streamId of this.#openStreams) {
      this.events.onStreamEnd(streamId, failure, cursor);
    }
    this.#openStreams.clear();
  }

  #isWanted(entry: Entry): boolean {
    const isOfAll = typeof entry === "function" || entry.kind === "run" || entry.kind === "gap";
    return isOfAll || this.#topic(entry.topic) !== undefined;
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
        return this.#payload(entry, cursor);
      case "datastream-start":
        return this.#streamStarts(entry, cursor);
      case "chunk":
        // Who did not see the start of a text cannot use its end.
        return this.#openStreams.has(entry.stream_id)
          ? this.events.onText(entry.data, entry.stream_id, cursor)
          : undefined;
      case "datastream-end":
        return this.#openStreams.delete(entry.data)
          ? this.events.onStreamEnd(entry.data, failureOf(entry), cursor)
          : undefined;
      case "run":
        return this.#run(entry, cursor);
      default:
        return this.#gap(entry, cursor);
    }
  }

  #gap({ channel, after, before }: GapFrame, cursor: Cursor): void {
    this.failStreams({ reason: "gap", why: "pieces of it were missed for good" }, cursor);
    this.events.onGap({ channel, after, before });
  }

  #streamStarts(frame: StreamStartFrame, cursor: Cursor): void {
    if (this.#topic(frame.topic)?.isStream === false) {
      const issue = { message: "a text stream, on a topic that carries payloads" };
      return this.#refuse(frame, [issue], cursor);
    }
    this.#openStreams.add(frame.data);
    const { topic } = frame;
    this.events.onStream({ kind: "stream", topic, ...envelope(frame) }, frame.data, cursor);
  }

  #payload(frame: DataFrame, cursor: Cursor): void {
    const { schema, isStream } = this.#topic(frame.topic) ?? {};
    if (isStream === true) {
      const issue = { message: "a payload, on a topic that carries text streams" };
      return this.#refuse(frame, [issue], cursor);
    }
    if (!this.settings.validate || schema === undefined) {
      return this.#accepted(frame, frame.data, cursor);
    }
    this.#check(schema, frame.data, (result) =>
      result.issues === undefined
        ? this.#accepted(frame, result.value, cursor)
        : this.#refuse(frame, result.issues, cursor),
    );
  }

  #run(frame: RunFrame, cursor: Cursor): void {
    const update = parseRunUpdate(frame);
    const { result, ...news } = update;
    if (!this.settings.validate || this.#result === undefined || !("result" in update)) {
      return this.events.onRun(update, cursor);
    }
    this.#check(this.#result, result, (checked) => {
      if (checked.issues === undefined) {
        return this.events.onRun({ ...news, result: checked.value }, cursor);
      }
      // Whatever it returned, it has ended.
      this.events.onRun(news, cursor);
      const { channel, id } = frame;
      this.events.onInvalid(new InvalidMessageError(channel, undefined, id, result, checked.issues), cursor);
    });
  }

  /** Entries that come meanwhile wait. */
  #check(schema: StandardSchema, data: unknown, settle: (result: StandardResult<unknown>) => void): void {
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

  #accepted(frame: DataFrame, data: unknown, cursor: Cursor): void {
    const { topic } = frame;
    this.events.onMessage({ kind: "data", topic, ...envelope(frame), data }, cursor);
  }

  #refuse(frame: DataFrame | StreamStartFrame, issues: readonly StandardIssue[], cursor: Cursor): void {
    const { channel, topic, id, data } = frame;
    this.events.onInvalid(new InvalidMessageError(channel, topic, id, data, issues), cursor);
  }
}

function wantedTopics(
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

function failureOf({ error, stopped }: StreamEndFrame): StreamFailure | undefined {
  return error === undefined ? undefined : { reason: stopped === true ? "stopped" : "failed", why: error };
}
