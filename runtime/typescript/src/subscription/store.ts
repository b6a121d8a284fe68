import type { ChannelInput, SignalReference } from "../channel/channel.js";
import { Delivery } from "./delivery.js";
import type { StreamFailure } from "./delivery.js";
import { findDrift } from "../channel/drift.js";
import type { Drift } from "../channel/drift.js";
import { isolated } from "../util/isolate.js";
import { Link } from "./channel-subscription.js";
import type { Gap, MessageView, StreamView } from "../channel/message.js";
import { isTerminal } from "../runs/run-update.js";
import type { RunError, RunQuestions, RunStatus, RunUpdate } from "../runs/run-update.js";
import type { ConnectionOptions, ConnectionStatus } from "../connection/options.js";
import { send } from "../runs/send.js";
import type { SendOptions } from "../runs/send.js";
import type { SignalOptions, SignalReceipt } from "../runs/signal.js";
import type { InferInput, StandardSchema } from "../validate/standard-schema.js";
import type { TokenInput } from "../connection/token.js";
import type { Cursor } from "../wire.js";

/** What a view of a channel shows at one moment. Never changed in place. */
export interface RealtimeSnapshot {
  readonly connectionStatus: ConnectionStatus;
  readonly runStatus: RunStatus;
  readonly isPaused: boolean;
  readonly pauseReason: PauseReason;
  readonly messages: {
    readonly byTopic: Readonly<Record<string, MessageView>>;
    readonly all: readonly MessageView[];
    readonly last: MessageView | null;
    readonly delta: readonly MessageView[];
  };
  readonly result: unknown;
  readonly attempt: number | null;
  readonly runError: RunError | null;
  readonly halted: string | null;
  readonly waitingFor: readonly string[];
  readonly questions: RunQuestions;
  readonly error: Error | null;
  readonly gap: Gap | null;
  readonly position: Cursor | null;
  readonly drift: Drift | undefined;
}

/** Why a view is paused: the page is hidden, or `enabled` is false. */
export type PauseReason = "hidden" | "disabled" | null;

/** How a store connects. It can be started anew with other settings and keeps what it has. */
export interface StoreSettings extends ConnectionOptions {
  readonly token: TokenInput | undefined;
  readonly enabled: boolean;
  readonly validate: boolean;
  readonly pauseOnHidden: boolean;
  readonly autoCloseOnTerminal: boolean;
}

/** How a store shows messages. */
export interface ViewSettings {
  /** How many milliseconds to gather messages before they are shown; 0 shows each frame at once. */
  readonly bufferInterval: number;
  /** How many messages `all` holds; null for all that ever came. */
  readonly historyLimit: number | null;
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
  halted: null,
  waitingFor: [],
  questions: {},
  error: null,
  gap: null,
  position: null,
  drift: undefined,
};

/**
 * The state behind `useRealtime`, for any framework: start it, subscribe a
 * listener to it, show its snapshot.
 *
 * @example
 * ```ts
 * const store = new RealtimeStore(pipeline({ runId }), ["status"]);
 * const forget = store.subscribe(() => show(store.getSnapshot().messages.byTopic["status"]));
 * store.start({
 *   token: () => fetchToken(runId),
 *   enabled: true,
 *   validate: true,
 *   pauseOnHidden: true,
 *   autoCloseOnTerminal: true,
 * });
 * // later
 * store.stop();
 * forget();
 * ```
 */
export class RealtimeStore {
  readonly #link: Link | undefined;
  readonly #checks = { validate: true };
  readonly #listeners = new Set<() => void>();
  #settings: StoreSettings | undefined;
  /** What signals are sent with, also while nothing is subscribed. */
  #sender: Pick<SendOptions, "token" | "apiBaseUrl"> = {};
  #view: ViewSettings = { bufferInterval: 0, historyLimit: 100 };
  #isRunning = false;
  #snapshot = EMPTY;
  /** Messages that the snapshot does not show yet, by their ids: a text that grows has one place. */
  readonly #buffer = new Map<string, MessageView>();
  /** Text streams that have not ended, as they are now. */
  readonly #texts = new Map<string, StreamView>();
  #position: Cursor | null = null;
  #flushTimer: ReturnType<typeof setTimeout> | undefined;
  #willFlush = false;

  /** Without a channel the store stays idle. */
  constructor(
    channel: ChannelInput | undefined,
    topics: readonly string[] | undefined,
    since?: Cursor | undefined,
  ) {
    if (channel === undefined) {
      return;
    }
    const name = typeof channel === "string" ? channel : channel.name;
    const delivery = this.#createDelivery(channel, topics);
    this.#link = new Link({ channel: name, topics }, since, {
      onFrame: (frame, cursor) => delivery.accept(frame, cursor),
      onReady: (frame) => {
        this.#position ??= frame.position;
        const position = this.#snapshot.position ?? frame.position;
        this.#update({ position, drift: findDrift(channel, frame) });
      },
      onStatus: (status) => this.#connected(status),
      onError: (error) => this.#update({ error }),
      onEnd: (error) => {
        delivery.accept(() => {
          delivery.failStreams({ reason: "closed", why: error.message }, this.#position ?? "now");
        });
        this.#update({ error });
      },
    });
  }

  /** Has a listener called after each change; returns how to stop that. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** The same object until something changes. */
  readonly getSnapshot = (): RealtimeSnapshot => this.#snapshot;

  /** What a server renders: nothing has arrived. */
  readonly getServerSnapshot = (): RealtimeSnapshot => EMPTY;

  /** Forgets what has arrived. The connection stays. */
  readonly reset = (): void => {
    this.#buffer.clear();
    this.#texts.clear();
    const { messages, runStatus, result, attempt, runError, halted, waitingFor, questions } = EMPTY;
    const run = { runStatus, result, attempt, runError, halted, waitingFor, questions };
    this.#update({ messages, ...run, error: null, gap: null });
  };

  /**
   * Sends a signal, as {@link send} does, with the token and to the server that the store was
   * started with last.
   */
  readonly send = <Schema extends StandardSchema<any, any>>(
    signal: SignalReference<Schema>,
    payload: InferInput<Schema>,
    options: SignalOptions = {},
  ): Promise<SignalReceipt> => send(signal, payload, { ...options, ...this.#sender });

  /** Connects, or pauses at once where the settings say so. */
  start(settings: StoreSettings): void {
    this.#settings = settings;
    this.#sender = { token: settings.token, apiBaseUrl: settings.apiBaseUrl };
    this.#checks.validate = settings.validate;
    page()?.addEventListener("visibilitychange", this.#run);
    this.#run();
  }

  /** `start` continues with nothing lost in between, as far as the server's history reaches. */
  stop(): void {
    page()?.removeEventListener("visibilitychange", this.#run);
    this.#settings = undefined;
    if (this.#link !== undefined) {
      this.#leave({ connectionStatus: "closed", isPaused: false, pauseReason: null });
    }
  }

  /** Changes how messages are shown; the connection does not notice. */
  configure(view: ViewSettings): void {
    const hasShorterWait = view.bufferInterval < this.#view.bufferInterval;
    this.#view = view;
    if (hasShorterWait) {
      this.#flush();
    }
  }

  readonly #run = (): void => {
    const settings = this.#settings;
    if (settings === undefined || this.#link === undefined) {
      return this.#update({ connectionStatus: "idle" });
    }
    const pauseReason = reasonToPause(settings);
    if (pauseReason !== null) {
      return this.#leave({ connectionStatus: "paused", isPaused: true, pauseReason });
    }
    this.#update({ isPaused: false, pauseReason });
    if (this.#isOver()) {
      return this.#update({ connectionStatus: "closed" });
    }
    if (!this.#isRunning) {
      this.#isRunning = true;
      this.#link.open(settings);
    }
  };

  #leave(changes: Partial<RealtimeSnapshot>): void {
    this.#isRunning = false;
    this.#link?.pause();
    this.#flush();
    this.#update(changes);
  }

  #connected(connectionStatus: ConnectionStatus): void {
    if (connectionStatus !== "open") {
      return this.#update({ connectionStatus });
    }
    const runStatus = this.#snapshot.runStatus === "unknown" ? "running" : this.#snapshot.runStatus;
    this.#update({ connectionStatus, runStatus, error: null });
  }

  #ran(update: RunUpdate, position: Cursor): void {
    this.#position = position;
    // What came before it in the channel is shown before it.
    this.#flush();
    this.#update({ position, ...whereItStands(update) });
    if (this.#isOver()) {
      this.#isRunning = false;
      this.#link?.close();
    }
  }

  #isOver(): boolean {
    return this.#settings?.autoCloseOnTerminal === true && isTerminal(this.#snapshot.runStatus);
  }

  #createDelivery(channel: ChannelInput, topics: readonly string[] | undefined): Delivery {
    return new Delivery(channel, topics, this.#checks, {
      onMessage: (message, cursor) => this.#buffered(message, cursor),
      onStream: (head, streamId, cursor) => {
        this.#grown(streamId, { ...head, data: "", status: "streaming" }, cursor);
      },
      onText: (text, streamId, cursor) => {
        const view = this.#texts.get(streamId);
        this.#grown(streamId, view && { ...view, data: view.data + text }, cursor);
      },
      onStreamEnd: (streamId, failure, cursor) => {
        const view = this.#texts.get(streamId);
        this.#grown(streamId, view && { ...view, status: endStatus(failure) }, cursor);
        this.#texts.delete(streamId);
      },
      onInvalid: (error, cursor) => {
        this.#position = cursor;
        this.#update({ error });
      },
      onRun: (update, cursor) => this.#ran(update, cursor),
      onGap: (gap) => this.#update({ gap }),
    });
  }

  /** `reset` forgets a text that is still growing, too. */
  #grown(streamId: string, view: StreamView | undefined, cursor: Cursor): void {
    if (view !== undefined) {
      this.#texts.set(streamId, view);
      this.#buffered(view, cursor);
    }
  }

  #buffered(message: MessageView, cursor: Cursor): void {
    this.#position = cursor;
    this.#buffer.set(message.id, message);
    if (this.#view.bufferInterval > 0) {
      this.#flushTimer ??= setTimeout(() => this.#flush(), this.#view.bufferInterval);
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
        all: clamp(merge(messages.all, delta), this.#view.historyLimit),
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
      isolated(listener)();
    }
  }
}

function reasonToPause(settings: StoreSettings): PauseReason {
  if (!settings.enabled) {
    return "disabled";
  }
  return settings.pauseOnHidden && page()?.visibilityState === "hidden" ? "hidden" : null;
}

/** What the latest news says counts, and nothing else: who is tried again has no result. */
function whereItStands(update: RunUpdate): Partial<RealtimeSnapshot> {
  const { status, attempt, runError, halted, waitingFor, questions } = update;
  const result = "result" in update ? { result: update.result } : {};
  if (status === undefined) {
    return result;
  }
  return {
    runStatus: status,
    runError: runError ?? null,
    halted: halted ?? null,
    waitingFor,
    questions,
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

/** The new ones at the end, and a text that has grown in its place. */
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

function clamp(messages: readonly MessageView[], limit: number | null): readonly MessageView[] {
  if (limit === null) {
    return messages;
  }
  return limit <= 0 ? [] : messages.slice(-limit);
}
