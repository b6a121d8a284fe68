import type { ChannelInput, SignalReference } from "../channel/channel.js";
import type { Drift } from "../channel/drift.js";
import type { Gap, MessageView, StreamView } from "../channel/message.js";
import type { ConnectionOptions, ConnectionStatus } from "../connection/options.js";
import type { TokenInput } from "../connection/token.js";
import { isTerminal } from "../runs/run-update.js";
import type { QuestionIds, RunError, RunStatus, RunUpdate } from "../runs/run-update.js";
import { send } from "../runs/send.js";
import type { SignalOptions, SignalReceipt } from "../runs/signal.js";
import { isolate } from "../util/isolate.js";
import type { InferInput, StandardSchema } from "../validate/standard-schema.js";
import type { Cursor } from "../wire.js";
import { ChannelFeed } from "./channel-feed.js";
import type { StreamFailure } from "./delivery.js";

/**
 * An immutable snapshot of a channel, as a component shows it. Members are `null` if there is no value
 * yet, except `result`: it is `undefined` because a run may return null.
 */
export interface RealtimeSnapshot {
  readonly connectionStatus: ConnectionStatus;
  readonly runStatus: RunStatus;
  readonly isPaused: boolean;
  readonly pauseReason: PauseReason | null;
  readonly messages: {
    /** The latest message of each topic. A text stream has its text so far. */
    readonly byTopic: Readonly<Record<string, MessageView>>;
    /** The latest messages, oldest first, up to `historyLimit`. */
    readonly all: readonly MessageView[];
    readonly last: MessageView | null;
    /** The messages of the last update: one, or several that arrived at once. */
    readonly delta: readonly MessageView[];
  };
  /** The return value of the run; undefined until the run completes. */
  readonly result: unknown;
  /**
   * The latest reported attempt, from 1: of the job, or of the step that is being retried. After a failure,
   * the attempt may still wait for its backoff.
   */
  readonly attempt: number | null;
  /** Why the run failed or, while it is `running`, why the attempt before did. */
  readonly runError: RunError | null;
  /** Why the run is halted, usually because its code no longer matches its journal; null while it is not. */
  readonly haltReason: string | null;
  /** The signals that the run waits for; the first of them to arrive is the answer. */
  readonly waitingFor: readonly string[];
  /** For each signal in `waitingFor`, the id of the question that asks for it: the `questionId` of `send`. */
  readonly questionIds: QuestionIds;
  /** The last error of the subscription. Null again once the connection opens or `reset()` is called. */
  readonly error: Error | null;
  /** The last gap, that is, messages that were missed for good. */
  readonly gap: Gap | null;
  /** The position after all messages shown, for `since`; null before the first connect. */
  readonly position: Cursor | null;
  /**
   * Why this page may not work with the server, as of the last connect: the channel's definition has changed.
   * Null if the page works.
   */
  readonly drift: Drift | null;
}

/** Why a store is paused: the page is hidden, or `enabled` is `false`. */
export type PauseReason = "hidden" | "disabled";

/**
 * Settings of a store, which {@link RealtimeStore.configure} can change. Only `token` is always required;
 * outside a web page, `apiBaseUrl` is, too.
 */
export interface RealtimeStoreSettings<Validate extends boolean = boolean> extends ConnectionOptions {
  /** A token, or a function that returns one, which is called whenever a new token is needed. */
  readonly token?: TokenInput | undefined;
  /** Whether to connect. Default: true. With `false` the store is paused. */
  readonly enabled?: boolean | undefined;
  /**
   * Whether to validate payloads with the channel's schemas. Default: true. With `false`, `data` is
   * the JSON as it arrived.
   */
  readonly validate?: Validate | undefined;
  /** Whether to leave the server while the page is hidden, and to resume afterwards. Default: true. */
  readonly pauseOnHidden?: boolean | undefined;
  /** Whether to leave the server once the run has ended. Default: true. */
  readonly autoCloseOnTerminal?: boolean | undefined;
  /** The time in milliseconds to collect messages before listeners are called. Default: 0, at once. */
  readonly bufferInterval?: number | undefined;
  /** The maximum number of messages in `messages.all`. Default: 100; null for no limit. */
  readonly historyLimit?: number | null | undefined;
}

/** Options of {@link RealtimeStore}. */
export interface RealtimeStoreOptions extends RealtimeStoreSettings {
  /** Without a channel the store stays idle. */
  readonly channel?: ChannelInput | undefined;
  /** Default: all topics of the channel that the token or session grants. */
  readonly topics?: readonly string[] | undefined;
  /**
   * Where to begin: `"now"` (the default), at the `"start"` of the history, after a message id, or at a
   * saved `position`.
   */
  readonly since?: Cursor | undefined;
}

const DEFAULTS = {
  enabled: true,
  validate: true,
  pauseOnHidden: true,
  autoCloseOnTerminal: true,
  bufferInterval: 0,
  historyLimit: 100,
} satisfies RealtimeStoreSettings;

type Settings = Omit<RealtimeStoreSettings, keyof typeof DEFAULTS> & {
  readonly [Name in keyof typeof DEFAULTS]: Exclude<RealtimeStoreSettings[Name], undefined>;
};

/** Fills in the default of each setting that is undefined. */
export function withDefaults(settings: RealtimeStoreSettings): Settings {
  const given = Object.entries(settings).filter(([, value]) => value !== undefined);
  return { ...DEFAULTS, ...(Object.fromEntries(given) as RealtimeStoreSettings) } as Settings;
}

const EMPTY: RealtimeSnapshot = {
  connectionStatus: "idle",
  runStatus: "unknown",
  isPaused: false,
  pauseReason: null,
  messages: { byTopic: {}, all: [], last: null, delta: [] },
  result: undefined,
  attempt: null,
  runError: null,
  haltReason: null,
  waitingFor: [],
  questionIds: {},
  error: null,
  gap: null,
  position: null,
  drift: null,
};

/**
 * The state behind `useRealtime`, for any framework: create a store, subscribe a listener, start the
 * store, and render its snapshot.
 *
 * @example
 * ```ts
 * const store = new RealtimeStore({
 *   channel: pipeline({ runId }),
 *   topics: ["status"],
 *   token: () => fetchToken(runId),
 * });
 * const unsubscribe = store.subscribe(() => show(store.getSnapshot().messages.byTopic["status"]));
 * store.start();
 * // later
 * store.stop();
 * unsubscribe();
 * ```
 */
export class RealtimeStore {
  readonly #feed: ChannelFeed | undefined;
  readonly #listeners = new Set<() => void>();
  #settings: Settings;
  #isStarted = false;
  /** Whether the feed is open. */
  #isRunning = false;
  #snapshot = EMPTY;
  /** Messages that the snapshot does not show yet, by id, so that a growing text is shown once. */
  readonly #buffer = new Map<string, MessageView>();
  /** The text streams that have not ended, with their texts so far. */
  readonly #texts = new Map<string, StreamView>();
  #position: Cursor | null = null;
  #flushTimer: ReturnType<typeof setTimeout> | undefined;
  #willFlush = false;

  constructor({ channel, topics, since, ...settings }: RealtimeStoreOptions = {}) {
    this.#settings = withDefaults(settings);
    this.#feed = channel === undefined ? undefined : this.#createFeed(channel, topics, since);
  }

  /** Calls a listener after each change. Returns a function that removes the listener. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Returns the current snapshot, the same object until something changes. */
  readonly getSnapshot = (): RealtimeSnapshot => this.#snapshot;

  /** Returns the snapshot for server-side rendering, without messages. */
  readonly getServerSnapshot = (): RealtimeSnapshot => EMPTY;

  /** Clears messages, the state of the run, error and gap. The connection stays open. */
  readonly reset = (): void => {
    this.#buffer.clear();
    this.#texts.clear();
    const { messages, runStatus, result, attempt, runError, haltReason, waitingFor, questionIds } = EMPTY;
    const run = { runStatus, result, attempt, runError, haltReason, waitingFor, questionIds };
    this.#update({ messages, ...run, error: null, gap: null });
  };

  /** Sends a signal, as {@link send} does, with the token and the `apiBaseUrl` of this store. */
  readonly send = <Schema extends StandardSchema<any, any>>(
    signal: SignalReference<Schema>,
    payload: InferInput<Schema>,
    options: SignalOptions = {},
  ): Promise<SignalReceipt> => {
    const { token, apiBaseUrl } = this.#settings;
    return send(signal, payload, { ...options, token, apiBaseUrl });
  };

  /** Connects, unless the settings say to pause. After `stop`, resumes. */
  start(): void {
    this.#isStarted = true;
    if (this.#feed !== undefined) {
      this.#feed.validate = this.#settings.validate;
    }
    page()?.addEventListener("visibilitychange", this.#run);
    this.#run();
  }

  /** Disconnects. `start` resumes after the last message, as far as the server's history reaches. */
  stop(): void {
    page()?.removeEventListener("visibilitychange", this.#run);
    this.#isStarted = false;
    if (this.#feed !== undefined) {
      this.#leave({ connectionStatus: "closed", isPaused: false, pauseReason: null });
    }
  }

  /**
   * Changes settings; those left out keep their values, and `undefined` restores the default. The
   * token and the options of the connection apply from the next time that the store connects.
   */
  configure(changes: RealtimeStoreSettings): void {
    const before = this.#settings;
    const after = withDefaults({ ...before, ...changes });
    this.#settings = after;
    if (this.#feed !== undefined) {
      this.#feed.validate = after.validate;
    }
    if (after.bufferInterval < before.bufferInterval) {
      this.#flush();
    }
    const runChanges = (["enabled", "pauseOnHidden", "autoCloseOnTerminal"] as const).filter(
      (name) => after[name] !== before[name],
    );
    if (this.#isStarted && runChanges.length > 0) {
      this.#run();
    }
  }

  readonly #run = (): void => {
    if (this.#feed === undefined) {
      return this.#update({ connectionStatus: "idle" });
    }
    const pauseReason = reasonToPause(this.#settings);
    if (pauseReason !== null) {
      return this.#leave({ connectionStatus: "paused", isPaused: true, pauseReason });
    }
    this.#update({ isPaused: false, pauseReason });
    if (this.#hasEnded()) {
      return this.#update({ connectionStatus: "closed" });
    }
    if (!this.#isRunning) {
      this.#isRunning = true;
      this.#feed.open(this.#settings);
    }
  };

  #leave(changes: Partial<RealtimeSnapshot>): void {
    this.#isRunning = false;
    this.#feed?.pause();
    this.#flush();
    this.#update(changes);
  }

  #setStatus(connectionStatus: ConnectionStatus): void {
    if (connectionStatus !== "open") {
      return this.#update({ connectionStatus });
    }
    const runStatus = this.#snapshot.runStatus === "unknown" ? "running" : this.#snapshot.runStatus;
    this.#update({ connectionStatus, runStatus, error: null });
  }

  #updateRun(update: RunUpdate, position: Cursor): void {
    this.#position = position;
    // Earlier messages of the channel are shown first.
    this.#flush();
    this.#update({ position, ...runSnapshot(update) });
    if (this.#hasEnded()) {
      this.#isRunning = false;
      this.#feed?.close();
    }
  }

  /** Whether the run has ended and the store leaves the server then. */
  #hasEnded(): boolean {
    return this.#isStarted && this.#settings.autoCloseOnTerminal && isTerminal(this.#snapshot.runStatus);
  }

  #createFeed(
    channel: ChannelInput,
    topics: readonly string[] | undefined,
    since: Cursor | undefined,
  ): ChannelFeed {
    return new ChannelFeed({ channel, topics, since }, {
      onMessage: (message, cursor) => this.#add(message, cursor),
      onStream: (head, streamId, cursor) => {
        this.#addStream(streamId, { ...head, data: "", status: "streaming" }, cursor);
      },
      onText: (text, streamId, cursor) => {
        const view = this.#texts.get(streamId);
        this.#addStream(streamId, view && { ...view, data: view.data + text }, cursor);
      },
      onStreamEnd: (streamId, failure, cursor) => {
        const view = this.#texts.get(streamId);
        this.#addStream(streamId, view && { ...view, status: endStatus(failure) }, cursor);
        this.#texts.delete(streamId);
      },
      onInvalid: (error, cursor) => {
        this.#position = cursor;
        this.#update({ error });
      },
      onRun: (update, cursor) => this.#updateRun(update, cursor),
      onGap: (gap) => this.#update({ gap }),
      onReady: (position) => {
        this.#position ??= position;
        this.#update({ position: this.#snapshot.position ?? position });
      },
      onDrift: (drift) => this.#update({ drift: drift ?? null }),
      onStatus: (status) => this.#setStatus(status),
      onError: (error) => this.#update({ error }),
      onEnd: (error) => {
        this.#feed?.whenDelivered(() => {
          this.#feed?.failStreams({ reason: "closed", message: error.message }, this.#position ?? "now");
        });
        this.#update({ error });
      },
    });
  }

  /** Adds a text stream as it is now, unless `reset` has dropped it. */
  #addStream(streamId: string, view: StreamView | undefined, cursor: Cursor): void {
    if (view !== undefined) {
      this.#texts.set(streamId, view);
      this.#add(view, cursor);
    }
  }

  #add(message: MessageView, cursor: Cursor): void {
    this.#position = cursor;
    this.#buffer.set(message.id, message);
    const { bufferInterval } = this.#settings;
    if (bufferInterval > 0) {
      this.#flushTimer ??= setTimeout(() => this.#flush(), bufferInterval);
    } else if (!this.#willFlush) {
      // All messages of one frame make one snapshot, and `delta` has each of them.
      this.#willFlush = true;
      queueMicrotask(() => this.#flush());
    }
  }

  #flush(): void {
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    this.#willFlush = false;
    const delta = [...this.#buffer.values()];
    if (delta.length === 0) {
      return;
    }
    this.#buffer.clear();
    const { messages, runStatus } = this.#snapshot;
    const latest = Object.fromEntries(delta.map((message) => [message.topic, message]));
    this.#update({
      messages: {
        byTopic: { ...messages.byTopic, ...latest },
        all: takeLast(merge(messages.all, delta), this.#settings.historyLimit),
        last: delta.at(-1) ?? null,
        delta,
      },
      runStatus: runStatus === "unknown" ? "running" : runStatus,
      position: this.#position,
    });
  }

  #update(changes: Partial<RealtimeSnapshot>): void {
    const current = this.#snapshot;
    const isSame = Object.entries(changes).every(([name, value]) =>
      Object.is(current[name as keyof RealtimeSnapshot], value),
    );
    if (isSame) {
      return;
    }
    this.#snapshot = { ...current, ...changes };
    for (const listener of this.#listeners) {
      isolate(listener)();
    }
  }
}

function reasonToPause({ enabled, pauseOnHidden }: Settings): PauseReason | null {
  if (!enabled) {
    return "disabled";
  }
  return pauseOnHidden && page()?.visibilityState === "hidden" ? "hidden" : null;
}

/** Returns the state of the run after an update. The latest update replaces all earlier ones. */
function runSnapshot(update: RunUpdate): Partial<RealtimeSnapshot> {
  const { status, attempt, runError, haltReason, waitingFor, questionIds } = update;
  const result = "result" in update ? { result: update.result } : {};
  if (status === undefined) {
    return result;
  }
  return {
    runStatus: status,
    runError: runError ?? null,
    haltReason: haltReason ?? null,
    waitingFor,
    questionIds,
    ...(attempt === undefined ? {} : { attempt }),
    result: undefined,
    ...result,
  };
}

function endStatus(failure: StreamFailure | undefined): StreamView["status"] {
  if (failure === undefined) {
    return "complete";
  }
  return failure.reason === "stopped" ? "stopped" : "failed";
}

function page(): Document | undefined {
  return typeof document === "undefined" ? undefined : document;
}

/** Appends the new messages. A text that has grown keeps its place. */
function merge(all: readonly MessageView[], delta: readonly MessageView[]): readonly MessageView[] {
  const grown = new Map(
    delta.filter(({ kind }) => kind === "stream").map((message) => [message.id, message]),
  );
  if (grown.size === 0) {
    return [...all, ...delta];
  }
  const merged = all.map((message) => {
    const next = grown.get(message.id);
    grown.delete(message.id);
    return next ?? message;
  });
  return [...merged, ...delta.filter(({ kind, id }) => kind === "data" || grown.has(id))];
}

function takeLast(messages: readonly MessageView[], limit: number | null): readonly MessageView[] {
  if (limit === null) {
    return messages;
  }
  return limit <= 0 ? [] : messages.slice(-limit);
}
