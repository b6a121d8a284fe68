import type { ChannelInput, TopicName } from "../channel/channel.js";
import type { MessageView, StreamView } from "../channel/message.js";
import type { ConnectionStatus } from "../connection/options.js";
import type { TokenInput, TokenRequest } from "../connection/token.js";
import { isTerminal } from "../runs/run-update.js";
import type { RunUpdate } from "../runs/run-update.js";
import { loadSend, send } from "../runs/send.js";
import { isolate } from "../util/isolate.js";
import type { Cursor } from "../wire.js";
import { ChannelFeed } from "./channel-feed.js";
import type { FeedTarget } from "./channel-feed.js";
import type { StreamFailure } from "./delivery.js";
import { needsReconnect, sourceOf, withDefaults } from "./settings.js";
import type { AnySettings, RealtimeOptions, RealtimeSettings, Settings } from "./settings.js";
import { addMessages, EMPTY, runSnapshot } from "./snapshot.js";
import type { AnySnapshot, PauseReason, RealtimeActions, RealtimeSnapshot } from "./snapshot.js";
import type { StateOptions } from "./state.js";

/**
 * The state of one channel, for any framework: create a store, subscribe a listener, start the store, and
 * render its snapshot. `RealtimeObserver` also follows options that change.
 *
 * @example
 * ```ts
 * const store = new RealtimeStore({
 *   channel: pipeline({ runId }),
 *   topics: ["status"],
 *   token: () => fetchToken(runId),
 * });
 * const unsubscribe = store.subscribe(() => show(store.getSnapshot().messages.byTopic.status));
 * store.start();
 * // later
 * store.stop();
 * unsubscribe();
 * ```
 */
export class RealtimeStore<
  const Channel extends ChannelInput = ChannelInput,
  const Topics extends readonly TopicName<Channel>[] = readonly TopicName<Channel>[],
  const Validate extends boolean = true,
  State = undefined,
> {
  readonly #feed: ChannelFeed | undefined;
  readonly #listeners = new Set<() => void>();
  #given: AnySettings;
  #settings: Settings;
  #isStarted = false;
  /** Whether the feed is open. */
  #isRunning = false;
  #snapshot: AnySnapshot = EMPTY;
  /** Messages that the snapshot does not show yet, by id, so that a growing text is shown once. */
  readonly #buffer = new Map<string, MessageView>();
  /** Changes that become visible together with the messages in the buffer, which came before them. */
  #changes: Partial<AnySnapshot> = {};
  /** The text streams that have not ended, with their texts so far. */
  readonly #texts = new Map<string, StreamView>();
  #position: Cursor | null = null;
  #flushTimer: ReturnType<typeof setTimeout> | undefined;
  #willFlush = false;

  constructor(options: RealtimeOptions<Channel, Topics, Validate, State> = {}) {
    this.#given = options;
    this.#settings = withDefaults(options);
    const { channel, topics } = sourceOf(options);
    this.#feed = channel === undefined ? undefined : this.#createFeed({ channel, topics, since: options.since });
  }

  /** Calls a listener after each change. Returns a function that removes the listener. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Returns the current snapshot, the same object until something changes. */
  readonly getSnapshot = (): RealtimeSnapshot<Channel, Topics, Validate, State> => this.#snapshot as never;

  /** Returns the snapshot for server-side rendering, without messages. */
  readonly getServerSnapshot = (): RealtimeSnapshot<Channel, Topics, Validate, State> => EMPTY as never;

  /** Clears messages, the state of the run, error and gap, but not `state`. The connection stays open. */
  readonly reset = (): void => {
    this.#flush();
    this.#texts.clear();
    const { connectionStatus, isPaused, pauseReason, isCaughtUp, state, position, drift } = this.#snapshot;
    this.#update({ ...EMPTY, connectionStatus, isPaused, pauseReason, isCaughtUp, state, position, drift });
  };

  /** Sends a signal, as {@link send} does, with the token and the `apiBaseUrl` of this store. */
  readonly send: RealtimeActions<Channel>["send"] = (signal, payload, options = {}) => {
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

  /** Changes settings; those left out keep their values, and `undefined` restores the default. */
  configure(changes: RealtimeSettings<Validate> & StateOptions<Channel, Topics, Validate, State>): void {
    this.replaceSettings({ ...(this.#given as RealtimeSettings<Validate>), ...changes });
  }

  /**
   * Replaces all settings; those left out have their defaults. If the connection or the kind of token
   * changes, the store subscribes again and resumes. Options that are not settings are ignored.
   */
  replaceSettings(settings: RealtimeSettings<Validate> & StateOptions<Channel, Topics, Validate, State>): void {
    const before = this.#settings;
    const after = withDefaults(settings);
    this.#given = settings;
    this.#settings = after;
    if (this.#feed !== undefined) {
      this.#feed.validate = after.validate;
    }
    if (after.bufferInterval < before.bufferInterval) {
      this.#flush();
    }
    if (this.#isStarted) {
      this.#isRunning &&= !needsReconnect(before, after);
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
      return this.#close();
    }
    if (!this.#isRunning) {
      this.#isRunning = true;
      const { token, state } = this.#settings;
      this.#feed.open({
        ...this.#settings,
        token: typeof token === "function" ? this.#callToken : token,
        state: state && ((request) => (this.#settings.state ?? state)(request)),
      });
    }
  };

  /** Calls the latest token function. */
  readonly #callToken: Extract<TokenInput, Function> = (request: TokenRequest) => {
    const { token } = this.#settings;
    return typeof token === "function" ? token(request) : (token ?? "");
  };

  #close(): void {
    this.#isRunning = false;
    this.#feed?.close();
    this.#update({ connectionStatus: "closed" });
  }

  #leave(changes: Partial<AnySnapshot>): void {
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
    const changes = { position, ...runSnapshot(update) };
    this.#show(changes);
    if (this.#hasEnded(changes.runStatus)) {
      this.#flush();
      this.#close();
    }
  }

  /** Whether the run has ended and the store leaves the server then. */
  #hasEnded(status = this.#snapshot.runStatus): boolean {
    return this.#isStarted && this.#settings.autoCloseOnTerminal && isTerminal(status);
  }

  #createFeed(target: FeedTarget): ChannelFeed {
    return new ChannelFeed(target, {
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
      onState: (state, position) => {
        this.#flush();
        this.#position = position;
        this.#update({ state, messages: EMPTY.messages, position });
      },
      onGap: (gap) => this.#update({ gap }),
      onCaughtUp: () => this.#show({ isCaughtUp: true }),
      onReady: (position) => {
        this.#position ??= position;
        this.#update({ position: this.#snapshot.position ?? position });
        if (hasSignals(target.channel)) {
          // A later deployment may remove the code. `send` reports it if it does not load.
          loadSend().catch(() => {});
        }
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
    } else {
      this.#flushSoon();
    }
  }

  /** Shows changes after the messages that came before them. */
  #show(changes: Partial<AnySnapshot>): void {
    if (this.#buffer.size === 0) {
      return this.#update(changes);
    }
    this.#changes = { ...this.#changes, ...changes };
    this.#flushSoon();
  }

  /**
   * Flushes once for all frames that arrive in one task. A framework renders after that, so it would not see the
   * `delta` of a first of two flushes.
   */
  #flushSoon(): void {
    if (!this.#willFlush) {
      this.#willFlush = true;
      void Promise.resolve().then(() => this.#flush());
    }
  }

  #flush(): void {
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    this.#willFlush = false;
    const delta = [...this.#buffer.values()];
    // There are no changes without messages before them.
    if (delta.length === 0) {
      return;
    }
    const changes = this.#changes;
    this.#buffer.clear();
    this.#changes = {};
    const { state, messages, runStatus } = this.#snapshot;
    this.#update({
      state: delta.reduce(this.#reduce, state),
      messages: addMessages(messages, delta, this.#settings.historyLimit),
      runStatus: runStatus === "unknown" ? "running" : runStatus,
      ...changes,
      // The changes may be older than the last messages.
      position: this.#position,
    });
  }

  /** Applies a message to the state. If `reduce` throws, the message is skipped, and the error is reported as uncaught. */
  readonly #reduce = (state: unknown, message: MessageView): unknown => {
    const { reduce } = this.#settings;
    isolate(() => reduce && (state = reduce(state, message)))();
    return state;
  };

  #update(changes: Partial<AnySnapshot>): void {
    const current = this.#snapshot;
    const isSame = Object.entries(changes).every(([name, value]) =>
      Object.is(current[name as keyof AnySnapshot], value),
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

function hasSignals(channel: ChannelInput): boolean {
  const { $signals = {} } = channel as { readonly $signals?: object };
  return Object.keys($signals).length > 0;
}

function endStatus(failure: StreamFailure | undefined): StreamView["status"] {
  return failure === undefined ? "complete" : failure.reason === "stopped" ? "stopped" : "failed";
}

function page(): Document | undefined {
  return typeof document === "undefined" ? undefined : document;
}
