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
import type { ConnectionStatus } from "../connection/options.js";
import type { TokenInput } from "../connection/token.js";
import type { QuestionIds, RunError, RunStatus } from "../runs/run-update.js";
import type { SignalOptions, SignalReceipt } from "../runs/signal.js";
import type { StandardSchema } from "../validate/standard-schema.js";
import type { Cursor } from "../wire.js";
import { RealtimeStore, withDefaults } from "./store.js";
import type { PauseReason, RealtimeStoreSettings } from "./store.js";

export type UseRealtimeConnectionStatus = ConnectionStatus;
export type UseRealtimeRunStatus = RunStatus;
export type UseRealtimePauseReason = PauseReason | null;

/**
 * Options of {@link useRealtime}. Only `token` is always required; outside a web page, `apiBaseUrl` is,
 * too. If `token` is a function, it may be another one at each render; the latest is called.
 */
export interface UseRealtimeOptions<
  Channel extends ChannelInput = ChannelInput,
  Topics extends readonly TopicName<Channel>[] = readonly TopicName<Channel>[],
  Validate extends boolean = true,
> extends RealtimeStoreSettings<Validate> {
  /**
   * Default: the `channel` of the token, if the token is an object that has one. Without either, the hook is
   * idle, for example while an id is still being fetched.
   */
  readonly channel?: Channel | undefined;
  /** Default: the `topics` of the token, if it has any, otherwise all that the token or session grants. */
  readonly topics?: Topics | undefined;
  /** A new value drops all messages and subscribes again. Inngest's hook calls this `key`. */
  readonly resetKey?: string | undefined;
  /**
   * Where to begin: `"now"` (the default), at the `"start"` of the history, after a message id, or at a
   * saved `position`. It is read at mount, and when the channel, its topics or `resetKey` change.
   */
  readonly since?: Cursor | undefined;
}

/**
 * The result of {@link useRealtime}. Members are `null` if there is no value yet, except `result`: it is
 * `undefined` because a run may return null.
 */
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
    /** The latest message of each topic. A text stream has its text so far. */
    readonly byTopic: {
      readonly [Topic in Topics[number]]?: MessageView<Channel, Topic, Validate>;
    };
    /** The latest messages, oldest first, up to `historyLimit`. */
    readonly all: readonly MessageView<Channel, Topics[number], Validate>[];
    readonly last: MessageView<Channel, Topics[number], Validate> | null;
    /** The messages of the last update: one, or several that arrived at once. */
    readonly delta: readonly MessageView<Channel, Topics[number], Validate>[];
  };
  /** The return value of the run, typed by the definition; undefined until the run completes. */
  readonly result: RunResult<Channel, Validate> | undefined;
  /**
   * The latest reported attempt, from 1: of the job, or of the step that is being retried. After a failure,
   * the attempt may still wait for its backoff.
   */
  readonly attempt: number | null;
  /** Why the run failed or, while it is `running`, why the attempt before did. */
  readonly runError: RunError | null;
  /** Why the run is halted, usually because its code no longer matches its journal; null while it is not. */
  readonly haltReason: string | null;
  /**
   * The signals that the run waits for; the first of them to arrive is the answer. Empty if the run
   * waits for none.
   */
  readonly waitingFor: readonly AwaitedSignal<Channel>[];
  /**
   * For each signal in `waitingFor`, the id of the question that asks for it. With it, `send` answers the
   * question that the user saw and no later one.
   *
   * @example
   * ```tsx
   * const approve = () => send(ch.approve, { verdict: "approve" }, { questionId: questionIds.approve });
   * return waitingFor.includes("approve") && <button onClick={approve}>Approve</button>;
   * ```
   */
  readonly questionIds: QuestionIds<Channel>;
  /**
   * The last error of the subscription: a `ConnectionError`, or an `InvalidMessageError` with its
   * issues. Null again once the connection opens or `reset()` is called. The error of a run is `runError`.
   */
  readonly error: Error | null;
  /** The position after all messages shown, for `since`; null before the first connect. */
  readonly position: Cursor | null;
  /** The last gap, that is, messages that were missed for good; null if there was none. */
  readonly gap: Gap | null;
  /**
   * Why this page may not work with the server, as of the last connect: the channel's definition has
   * changed. Null if the page works.
   */
  readonly drift: Drift | null;
  /** Clears messages, the state of the run, error and gap. The connection stays open. */
  readonly reset: () => void;
  /**
   * Sends a signal to the run, with the token and the `apiBaseUrl` of this hook. Resolves once it is
   * recorded; rejects with a `SignalError`, or the reason of `abortSignal`. The function is the same at each render.
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
 * The subscription resumes where it stopped after a lost connection and when a hidden page becomes
 * visible. A new mount starts at `since`. Messages that the server no longer has are reported as `gap`.
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
  const { bufferInterval, historyLimit } = withDefaults(options);
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

/** The options that identify a store. If one changes, the store is replaced. */
const IDENTITY = ["channel", "topics", "resetKey"] as const;
type Identity = Readonly<Record<(typeof IDENTITY)[number], string | undefined>>;

interface Held {
  readonly identity: Identity;
  readonly store: RealtimeStore;
  /** The store that this one replaced, until a second render with the same props has the same identity. */
  previous: Held | undefined;
  /** Options that differ between renders with the same props. */
  readonly impure: readonly string[];
}

/**
 * Returns one store per channel, topics and `resetKey`. Creating a store has no side effects, so React may
 * drop it.
 */
function useStore(options: AnyOptions): RealtimeStore {
  const granted = typeof options.token === "object" ? options.token : undefined;
  const channel = options.channel ?? granted?.channel;
  const topics = options.topics ?? granted?.topics;
  const name = typeof channel === "object" ? channel.name : channel;
  const identity: Identity = { channel: name, topics: JSON.stringify(topics), resetKey: options.resetKey };
  const create = (previous?: Held): Held => {
    const store = new RealtimeStore({ channel, topics, since: options.since });
    return { identity, store, previous, impure: previous?.impure ?? [] };
  };
  const [held, hold] = useState(() => create());
  const changed = IDENTITY.filter((name) => !held.impure.includes(name) && held.identity[name] !== identity[name]);
  if (changed.length === 0) {
    held.previous = undefined;
    return held.store;
  }
  const next = held.previous === undefined ? create(held) : withImpure(held.previous, changed);
  // React renders again immediately, with the same props.
  hold(next);
  return next.store;
}

/** Keeps the store of a component that would otherwise replace it at each render, and logs a warning. */
function withImpure(held: Held, names: readonly string[]): Held {
  warnOfImpure(names.join("`, `"));
  return { ...held, impure: [...held.impure, ...names] };
}

const warnedOf = new Set<string>();

function warnOfImpure(names: string): void {
  if (!warnedOf.has(names)) {
    warnedOf.add(names);
    console.warn(
      `fanfare: useRealtime received a different \`${names}\` at each render with the same props. The change is ` +
        "ignored. Compute the option once, with `useState` or `useMemo`",
    );
  }
}

function useConnection(store: RealtimeStore, options: AnyOptions): void {
  const { apiBaseUrl, reconnect, reconnectMinMs, reconnectMaxMs, token, transport, WebSocket } = options;
  const { enabled, validate, pauseOnHidden, autoCloseOnTerminal } = withDefaults(options);
  const latestToken = useRef(token);
  useEffect(() => {
    latestToken.current = token;
  });
  const tokenIdentity = identityOf(token);
  useEffect(() => {
    store.configure({
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
    });
    store.start();
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

/** Identifies a token. All functions are alike, as inline functions differ at each render. */
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
