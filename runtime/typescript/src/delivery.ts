import type { ChannelInput } from "./channel.js";
import { InvalidMessageError } from "./error.js";
import type { Gap, Message, RunStatus, RunUpdate } from "./message.js";
import type { StandardIssue, StandardResult, StandardSchema } from "./standard.js";
import type { DataFrame, GapFrame, RunFrame } from "./wire.js";

export interface DeliveryEvents {
  onMessage(message: Message): void;
  onInvalid(error: InvalidMessageError): void;
  onRun(update: RunUpdate): void;
  onGap(gap: Gap): void;
}

type Entry = DataFrame | RunFrame | GapFrame | (() => void);

/**
 * Makes messages of frames: ignores topics nobody asked for, validates, and
 * keeps the order however long a validator takes.
 */
export class Delivery {
  readonly #topics: ReadonlyMap<string, StandardSchema | undefined> | "any";
  #waiting: Entry[] = [];
  #isValidating = false;

  constructor(
    channel: ChannelInput,
    topics: readonly string[] | undefined,
    readonly settings: { validate: boolean },
    readonly events: DeliveryEvents,
  ) {
    this.#topics = wantedTopics(channel, topics);
  }

  /** How many frames wait for a validator. */
  get pending(): number {
    return this.#waiting.length + (this.#isValidating ? 1 : 0);
  }

  /** Takes a frame, or an action that shall happen after all frames before it. */
  accept(entry: Entry): void {
    if (!this.#isWanted(entry)) {
      return;
    }
    if (this.#isValidating) {
      this.#waiting.push(entry);
      return;
    }
    this.#process(entry);
  }

  #isWanted(entry: Entry): boolean {
    return (
      typeof entry === "function" ||
      entry.kind !== "data" ||
      this.#topics === "any" ||
      this.#topics.has(entry.topic)
    );
  }

  #process(entry: Entry): void {
    if (typeof entry === "function") {
      return entry();
    }
    if (entry.kind === "gap") {
      const { channel, after, before } = entry;
      return this.events.onGap({ channel, after, before });
    }
    if (entry.kind === "run") {
      return this.events.onRun(runUpdate(entry));
    }
    const schema = this.#topics === "any" ? undefined : this.#topics.get(entry.topic);
    if (!this.settings.validate || schema === undefined) {
      return this.events.onMessage(toMessage(entry, entry.data));
    }
    const result = validate(schema, entry.data);
    if (!(result instanceof Promise)) {
      return this.#settle(entry, result);
    }
    this.#isValidating = true;
    void result.then((settled) => {
      this.#isValidating = false;
      this.#settle(entry, settled);
      this.#continue();
    });
  }

  #continue(): void {
    while (!this.#isValidating) {
      const entry = this.#waiting.shift();
      if (entry === undefined) {
        return;
      }
      this.#process(entry);
    }
  }

  #settle(frame: DataFrame, result: StandardResult<unknown>): void {
    if (result.issues === undefined) {
      return this.events.onMessage(toMessage(frame, result.value));
    }
    const { channel, topic, id, data } = frame;
    this.events.onInvalid(new InvalidMessageError(channel, topic, id, data, result.issues));
  }
}

function wantedTopics(
  channel: ChannelInput,
  topics: readonly string[] | undefined,
): ReadonlyMap<string, StandardSchema | undefined> | "any" {
  if (typeof channel === "string") {
    return topics === undefined ? "any" : new Map(topics.map((topic) => [topic, undefined]));
  }
  const known = new Map(Object.entries(channel.topics));
  return new Map(
    (topics ?? [...known.keys()]).map((topic) => [topic, known.get(topic)?.schema]),
  );
}

function validate(
  schema: StandardSchema,
  data: unknown,
): StandardResult<unknown> | Promise<StandardResult<unknown>> {
  try {
    const result: unknown = schema["~standard"].validate(data);
    // A promise of another realm or library is none of this realm's `Promise`.
    return isThenable(result)
      ? Promise.resolve(result).then(asResult).catch(failedValidator)
      : asResult(result);
  } catch (cause) {
    return failedValidator(cause);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}

/** A validator that says nothing has not accepted the value. */
function asResult(result: unknown): StandardResult<unknown> {
  return typeof result === "object" && result !== null
    ? (result as StandardResult<unknown>)
    : failedValidator("it gave no result");
}

/** A validator that throws has not accepted the value. */
function failedValidator(cause: unknown): { issues: readonly StandardIssue[] } {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return { issues: [{ message: `the validator failed: ${reason}` }] };
}

function toMessage(frame: DataFrame, data: unknown): Message {
  return {
    kind: "data",
    channel: frame.channel,
    topic: frame.topic,
    id: frame.id,
    createdAt: new Date(frame.created_at),
    ...(typeof frame.run_id === "string" ? { runId: frame.run_id } : {}),
    data,
  };
}

const RUN_STATUSES: Readonly<Record<string, Exclude<RunStatus, "unknown">>> = {
  running: "running",
  in_progress: "running",
  completed: "completed",
  complete: "completed",
  succeeded: "completed",
  success: "completed",
  failed: "failed",
  error: "failed",
  cancelled: "cancelled",
  canceled: "cancelled",
};

/** Reads run news as liberally as Inngest's SDK does. */
function runUpdate(frame: RunFrame): RunUpdate {
  const update = { channel: frame.channel, createdAt: new Date(frame.created_at) };
  if (typeof frame.data !== "object" || frame.data === null) {
    return update;
  }
  const data = frame.data as Readonly<Record<string, unknown>>;
  const status = runStatus(data["runStatus"]) ?? runStatus(data["status"]) ?? runStatus(data["state"]);
  const withStatus = status === undefined ? update : { ...update, status };
  if (Object.hasOwn(data, "result")) {
    return { ...withStatus, result: data["result"] };
  }
  return status === "completed" && Object.hasOwn(data, "output")
    ? { ...withStatus, result: data["output"] }
    : withStatus;
}

function runStatus(value: unknown): Exclude<RunStatus, "unknown"> | undefined {
  const name = typeof value === "string" ? value.toLowerCase() : "";
  return Object.hasOwn(RUN_STATUSES, name) ? RUN_STATUSES[name] : undefined;
}
