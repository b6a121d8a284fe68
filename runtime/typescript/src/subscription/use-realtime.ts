import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import type {
  AwaitedSignal,
  ChannelInput,
  ChannelName,
  RunResult,
  SignalName,
  SignalPayload,
  SignalReference,
  TopicName,
} from "../channel/channel.js";
import type { Drift } from "../channel/drift.js";
import type { Gap, MessageView } from "../channel/message.js";
import type { RunError, RunQuestions, RunStatus } from "../runs/run-update.js";
import type { ConnectionOptions, ConnectionStatus } from "../connection/options.js";
import type { SignalOptions, SignalReceipt } from "../runs/signal.js";
import type { StandardSchema } from "../validate/standard-schema.js";
import { RealtimeStore } from "./store.js";
import type { PauseReason, StoreSettings } from "./store.js";
import type { TokenInput } from "../connection/token.js";
import type { Cursor } from "../wire.js";

export type UseRealtimeConnectionStatus = ConnectionStatus;
export type UseRealtimeRunStatus = RunStatus;
export type UseRealtimePauseReason = PauseReason;

/** What {@link useRealtime} takes. Everything but `channel` and `token` has a default. */
export interface UseRealtimeOptions<
  Channel extends ChannelInput = ChannelInput,
  Topics extends readonly TopicName<Channel>[] = readonly TopicName<Channel>[],
  Validate extends boolean = true,
> extends ConnectionOptions {
  /** As long as it is undefined (an id is still being fetched, say), the hook is idle. */
  readonly channel?: Channel | undefined;
  /** Default: all topics of the channel. */
  readonly topics?: Topics | undefined;
  /**
   * A token, or a function that fetches one: called at first and whenever another one is needed.
   * The function may be another one at each render; the latest is called.
   */
  readonly token?: TokenInput | undefined;
  /** Another key starts anew: messages are forgotten, and it connects again. */
  readonly key?: string | undefined;
  /**
   * Where to begin: `"now"` (the default), `"start"` of the history, after a message's id, or at a
   * `position` that was kept. Read once for a channel, its topics and `key`.
   */
  readonly since?: Cursor | undefined;
  /** Default: true. With `false` the hook is paused. */
  readonly enabled?: boolean | undefined;
  /** How many milliseconds to gather messages before the component renders. Default: 0, at once. */
  readonly bufferInterval?: number | undefined;
  /** Whether payloads are checked against the channel's schemas. Default: true. */
  readonly validate?: Validate | undefined;
  /** How many messages `messages.all` holds. Default: 100; null for no limit. */
  readonly historyLimit?: number | null | undefined;
  /** Whether to leave the server while the page is hidden; it resumes after. Default: true. */
  readonly pauseOnHidden?: boolean | undefined;
  /** Whether to leave the server once the run has ended. Default: true. */
  readonly autoCloseOnTerminal?: boolean | undefined;
}

/** What {@link useRealtime} gives. */
export interface UseRealtimeResult<
  Channel extends ChannelInput = ChannelInput,
  Topics extends readonly TopicName<Channel>[] = readonly TopicName<Channel>[],
  Validate extends boolean = true,
> {
  readonly connectionStatus: UseRealtimeConnectionStatus;
  readonly runStatus: UseRealtimeRunStatus;
  readonly isPaused: boolean;
  readonly pauseReason: UseRealtimePauseReason;
  readonly messages: {
    /** The latest message of each topic. A text stream stands here with its text so far. */
    readonly byTopic: {
      readonly [Topic in Topics[number]]?: MessageView<Channel, Topic, Validate>;
    };
    /** The latest messages, the oldest first; as many as `historyLimit` says. */
    readonly all: readonly MessageView<Channel, Topics[number], Validate>[];
    readonly last: MessageView<Channel, Topics[number], Validate> | null;
    /** What came with the last update: one message, or several that came at once. */
    readonly delta: readonly MessageView<Channel, Topics[number], Validate>[];
  };
  /** What the run returned, as the definition says; undefined before it did. */
  readonly result: RunResult<Channel, Validate> | undefined;
  /** Which attempt of the run the server told of last, from 1 on. */
  readonly attempt: number | null;
  /** Why the run failed or, while it is `running`, why the attempt before did. */
  readonly runError: RunError | null;
  /** Why the run stands still until the server has other code; null while it goes on. */
  readonly halted: string | null;
  /**
   * The signals that the run waits for; the first of them to arrive is the answer. Empty if the
   * run waits for none.
   */
  readonly waitingFor: readonly AwaitedSignal<Channel>[];
  /**
   * The question that asks for each signal in `waitingFor`. With it, `send` answers the question
   * that the user saw and no later one.
   *
   * @example
   * ```tsx
   * const approve = () => send(ch.approve, { verdict: "approve" }, { question: questions.approve });
   * return waitingFor.includes("approve") && <button onClick={approve}>Approve</button>;
   * ```
   */
  readonly questions: RunQuestions<Channel>;
  /**
   * What went wrong last: a `ConnectionError` until the connection is open
   * again, an `InvalidMessageError` with its issues until `reset()` or the next `open`.
   * What a run failed with is `runError`.
   */
  readonly error: Error | null;
  /** Where to go on, as `since`, after all that is shown; null before the first connect. */
  readonly position: Cursor | null;
  /** The last gap: messages that were missed for good. Null if there was none. */
  readonly gap: Gap | null;
  /** How the server's definition of the channel differs from this page's, as of the last connect. */
  readonly drift: Drift | undefined;
  /** Forgets messages, what is known of the run, error and gap. The connection stays. */
  readonly reset: () => void;
  /**
   * Sends a signal to the run, with the token and to the server of this hook. Resolves once it is
   * recorded, rejects with a `SignalError`. The same function at each render.
   *
   * @example
   * ```tsx
   * <button onClick={() => send(ch.approve, { verdict: "approve" }).catch(show)}>Approve</button>
   * ```
   */
  readonly send: <Name extends SignalName<Channel>>(
    signal: SignalReference<StandardSchema<any, any>, ChannelName<Channel>, Name>,
    payload: SignalPayload<Channel, Name>,
    options?: SignalOptions,
  ) => Promise<SignalReceipt>;
}

/**
 * Subscribes a component to topics of a channel.
 *
 * A lost connection, a hidden page and a remount resume where they stopped;
 * what the server no longer has then is reported as `gap`.
 *
 * @example
 * ```tsx
 * function Progress({ runId }: { runId: string }) {
 *   const { messages, connectionStatus } = useRealtime({
 *     channel: pipeline({ runId }),
 *     topics: ["status"],
 *     token: () => fetchToken(runId),
 *   });
 *   return <p>{messages.byTopic.status?.data.message ?? connectionStatus}</p>;
 * }
 * ```
 */
export function useRealtime<
  const Channel extends ChannelInput = ChannelInput,
  const Topics extends readonly TopicName<Channel>[] = readonly TopicName<Channel>[],
  const Validate extends boolean = true,
>(
  options: UseRealtimeOptions<Channel, Topics, Validate>,
): UseRealtimeResult<Channel, Topics, Validate> {
  const store = useStore(options);
  useConnection(store, options);
  const { bufferInterval = 0, historyLimit = 100 } = options;
  useEffect(() => {
    store.configure({ bufferInterval, historyLimit });
  }, [store, bufferInterval, historyLimit]);
  const snapshot = useSyncExternalStore(store.subscribe, store.getSnapshot, store.getServerSnapshot);
  return { ...snapshot, reset: store.reset, send: store.send } as unknown as UseRealtimeResult<
    Channel,
    Topics,
    Validate
  >;
}

type AnyOptions = UseRealtimeOptions<ChannelInput, readonly string[], boolean>;

/** The options that a store is made for: another value makes another store. */
const IDENTITY = ["channel", "topics", "key"] as const;
type Identity = Readonly<Record<(typeof IDENTITY)[number], string | undefined>>;

interface Held {
  readonly identity: Identity;
  readonly store: RealtimeStore;
  /** What this replaces, until a second render with the same props has the same identity. */
  previous: Held | undefined;
  /** Options that differ from one render to the next with the same props. */
  readonly impure: readonly string[];
}

/** One store per channel, topics and key. Creating one has no effect, so React may drop it. */
function useStore(options: AnyOptions): RealtimeStore {
  const granted = typeof options.token === "object" ? options.token : undefined;
  const channel = options.channel ?? granted?.channel;
  const topics = options.topics ?? granted?.topics;
  const name = typeof channel === "object" ? channel.name : channel;
  const identity: Identity = { channel: name, topics: JSON.stringify(topics), key: options.key };
  const create = (previous?: Held): Held => {
    const store = new RealtimeStore(channel, topics, options.since);
    return { identity, store, previous, impure: previous?.impure ?? [] };
  };
  const [held, hold] = useState(() => create());
  const changed = IDENTITY.filter((name) => !held.impure.includes(name) && held.identity[name] !== identity[name]);
  if (changed.length === 0) {
    held.previous = undefined;
    return held.store;
  }
  const next = held.previous === undefined ? create(held) : withImpure(held.previous, changed);
  // React renders again at once, with the same props.
  hold(next);
  return next.store;
}

/** Keeps the store of a component that would otherwise replace it forever, and says why. */
function withImpure(held: Held, names: readonly string[]): Held {
  warnOfImpure(names.join("`, `"));
  return { ...held, impure: [...held.impure, ...names] };
}

const warnedOf = new Set<string>();

function warnOfImpure(names: string): void {
  if (!warnedOf.has(names)) {
    warnedOf.add(names);
    console.warn(
      `fanfare: a component that calls useRealtime gives another \`${names}\` at each render with the same props. ` +
        "This is ignored, and the subscription is kept. Compute the option once, with `useState` or `useMemo`",
    );
  }
}

function useConnection(store: RealtimeStore, options: AnyOptions): void {
  const { apiBaseUrl, reconnect, reconnectMinMs, reconnectMaxMs, token } = options;
  const { transport, WebSocket } = options;
  const { enabled = true, validate = true } = options;
  const { pauseOnHidden = true, autoCloseOnTerminal = true } = options;
  const latestToken = useRef(token);
  useEffect(() => {
    latestToken.current = token;
  });
  const tokenIdentity = identityOf(token);
  useEffect(() => {
    const settings: StoreSettings = {
      apiBaseUrl,
      reconnect,
      reconnectMinMs,
      reconnectMaxMs,
      transport,
      WebSocket,
      token: currentToken(latestToken),
      enabled,
      validate,
      pauseOnHidden,
      autoCloseOnTerminal,
    };
    store.start(settings);
    return () => store.stop();
  }, [
    store,
    apiBaseUrl,
    reconnect,
    reconnectMinMs,
    reconnectMaxMs,
    transport,
    WebSocket,
    tokenIdentity,
    enabled,
    validate,
    pauseOnHidden,
    autoCloseOnTerminal,
  ]);
}

/** Inline functions differ at each render; that is no reason to connect anew. */
function identityOf(token: TokenInput | undefined): string {
  if (typeof token === "function") {
    return "function";
  }
  return typeof token === "object"
    ? JSON.stringify([token.key, token.token, token.apiBaseUrl])
    : (token ?? "");
}

function currentToken(latest: { readonly current: TokenInput | undefined }): TokenInput | undefined {
  if (typeof latest.current !== "function") {
    return latest.current;
  }
  return () => (typeof latest.current === "function" ? latest.current() : (latest.current ?? ""));
}
