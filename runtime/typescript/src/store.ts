import type { ChannelInput } from "./channel.js";
import { Connection } from "./connection.js";
import type { ConnectionOptions, ConnectionStatus } from "./connection.js";
import { Delivery } from "./delivery.js";
import { findDrift } from "./drift.js";
import type { Drift } from "./drift.js";
import { isTerminal } from "./message.js";
import type { Gap, Message, RunStatus, RunUpdate } from "./message.js";
import type { TokenInput } from "./token.js";

/** What a view of a channel shows at one moment. Never changed in place. */
export interface RealtimeSnapshot {
  readonly connectionStatus: ConnectionStatus;
  readonly runStatus: RunStatus;
  readonly isPaused: boolean;
  readonly pauseReason: PauseReason;
  readonly messages: {
    readonly byTopic: Readonly<Record<string, Message>>;
    readonly all: readonly Message[];
    readonly last: Message | null;
    readonly delta: readonly Message[];
  };
  readonly result: unknown;
  readonly error: Error | null;
  readonly gap: Gap | null;
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
  error: null,
  gap: null,
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
  readonly #connection: Connection | undefined;
  readonly #checks = { validate: true };
  readonly #listeners = new Set<() => void>();
  #settings: StoreSettings | undefined;
  #view: ViewSettings = { bufferInterval: 0, historyLimit: 100 };
  #isRunning = false;
  #snapshot = EMPTY;
  /** Messages that the snapshot does not show yet. */
  #buffer: Message[] = [];
  #flushTimer: ReturnType<typeof setTimeout> | undefined;
  #willFlush = false;

  /** Without a channel the store stays idle. */
  constructor(channel: ChannelInput | undefined, topics: readonly string[] | undefined) {
    if (channel === undefined) {
      return;
    }
    const name = typeof channel === "string" ? channel : channel.name;
    const delivery = new Delivery(channel, topics, this.#checks, {
      onMessage: (message) => this.#buffered(message),
      onInvalid: (error) => this.#update({ error }),
      onRun: (update) => this.#ran(update),
      onGap: (gap) => this.#update({ gap }),
    });
    this.#connection = new Connection({ channel: name, topics }, undefined, {
      onFrame: (frame) => delivery.accept(frame),
      onReady: (frame) => this.#update({ drift: findDrift(channel, frame) }),
      onStatus: (status) => this.#connected(status),
      onError: (error) => this.#update({ error }),
      onEnd: (error) => this.#update({ error }),
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
    this.#buffer = [];
    const { messages, runStatus, result, error, gap } = EMPTY;
    this.#update({ messages, runStatus, result, error, gap });
  };

  /** Connects, or pauses at once where the settings say so. */
  start(settings: StoreSettings): void {
    this.#settings = settings;
    this.#checks.validate = settings.validate;
    page()?.addEventListener("visibilitychange", this.#run);
    this.#run();
  }

  /** `start` continues with nothing lost in between, as far as the server's history reaches. */
  stop(): void {
    page()?.removeEventListener("visibilitychange", this.#run);
    this.#settings = undefined;
    if (this.#connection !== undefined) {
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
    if (settings === undefined || this.#connection === undefined) {
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
      this.#connection.open(settings);
    }
  };

  #leave(changes: Partial<RealtimeSnapshot>): void {
    this.#isRunning = false;
    this.#connection?.pause();
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

  #ran({ status, ...update }: RunUpdate): void {
    this.#flush();
    this.#update({
      ...(status === undefined ? {} : { runStatus: status }),
      ...("result" in update ? { result: update.result } : {}),
    });
    if (this.#isOver()) {
      this.#isRunning = false;
      this.#connection?.close("the run has ended");
    }
  }

  #isOver(): boolean {
    return this.#settings?.autoCloseOnTerminal === true && isTerminal(this.#snapshot.runStatus);
  }

  #buffered(message: Message): void {
    this.#buffer.push(message);
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
    const delta = this.#buffer;
    if (delta.length === 0) {
      return;
    }
    this.#buffer = [];
    const { messages, runStatus } = this.#snapshot;
    const latest = Object.fromEntries(delta.map((message) => [message.topic, message]));
    this.#update({
      messages: {
        byTopic: { ...messages.byTopic, ...latest },
        all: clamp([...messages.all, ...delta], this.#view.historyLimit),
        last: delta.at(-1) ?? null,
        delta,
      },
      runStatus: runStatus === "unknown" ? "running" : runStatus,
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
      listener();
    }
  }
}

function reasonToPause(settings: StoreSettings): PauseReason {
  if (!settings.enabled) {
    return "disabled";
  }
  return settings.pauseOnHidden && page()?.visibilityState === "hidden" ? "hidden" : null;
}

function page(): Document | undefined {
  return typeof document === "undefined" ? undefined : document;
}

function clamp(messages: readonly Message[], limit: number | null): readonly Message[] {
  if (limit === null) {
    return messages;
  }
  return limit <= 0 ? [] : messages.slice(-limit);
}
