import type { AwaitedSignal, ChannelInput, ChannelName, RunResult, SignalName, SignalPayload, SignalReference, TopicName } from "../channel/channel.js";
import type { Drift } from "../channel/drift.js";
import type { Gap, MessageView } from "../channel/message.js";
import type { ConnectionStatus } from "../connection/options.js";
import type { QuestionIds, RunError, RunStatus, RunUpdate } from "../runs/run-update.js";
import type { SignalOptions, SignalReceipt } from "../runs/signal.js";
import type { StandardSchema } from "../validate/standard-schema.js";
import type { Cursor } from "../wire.js";

/** Why a store is paused: the page is hidden, or `enabled` is `false`. */
export type PauseReason = "hidden" | "disabled";

/**
 * An immutable snapshot of a channel, as a component shows it. Members are `null` if there is no value
 * yet, except `result` and `state`: they are `undefined` because they may be null.
 */
export interface RealtimeSnapshot<
  Channel extends ChannelInput = string,
  Topics extends readonly TopicName<Channel>[] = readonly TopicName<Channel>[],
  Validate extends boolean = true,
  State = unknown,
> {
  readonly connectionStatus: ConnectionStatus;
  readonly runStatus: RunStatus;
  readonly isPaused: boolean;
  readonly pauseReason: PauseReason | null;
  /**
   * Whether all messages that the server had when this page subscribed are shown. Until then, an empty list may
   * only mean that they have not arrived. Stays true after a reconnect.
   */
  readonly isCaughtUp: boolean;
  /**
   * The state that the option `state` loaded, with all messages applied by `reduce`. Undefined until it is loaded, and
   * without the option.
   */
  readonly state: State | undefined;
  /** The messages since the state was loaded, or since the first connect if there is no state. */
  readonly messages: {
    /** The latest message of each topic. A text stream has its text so far. */
    readonly byTopic: {
      readonly [Topic in Topics[number]]?: MessageView<Channel, Topic, Validate>;
    };
    /**
     * The latest messages of each topic, oldest first, up to `historyLimit` per topic, so that a busy topic
     * does not displace the messages of others. A topic without messages has no list.
     */
    readonly allByTopic: {
      readonly [Topic in Topics[number]]?: readonly MessageView<Channel, Topic, Validate>[];
    };
    /** The latest messages of all topics, oldest first, up to `historyLimit`. */
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
  /** The last gap, that is, messages that were missed for good; null if there was none. */
  readonly gap: Gap | null;
  /** The position after all messages shown, for `since`; null before the first connect. */
  readonly position: Cursor | null;
  /**
   * Why this page may not work with the server, as of the last connect: the channel's definition has
   * changed. Null if the page works.
   */
  readonly drift: Drift | null;
}

/** The functions of a store. They are the same functions for as long as the store exists. */
export interface RealtimeActions<Channel extends ChannelInput = ChannelInput> {
  /** Clears messages, the state of the run, error and gap, but not `state`. The connection stays open. */
  reset(): void;
  /**
   * Sends a signal to the run, with the token and the `apiBaseUrl` of the subscription. Resolves once it is
   * recorded; rejects with a `SignalError`, or the reason of `abortSignal`.
   *
   * @example
   * ```tsx
   * <button onClick={() => send(ch.approve, { verdict: "approve" }).catch(show)}>Approve</button>
   * ```
   */
  // A method, so that a store of one channel is also a store of any channel.
  send<Name extends SignalName<Channel>>(
    signal: SignalReference<StandardSchema<any, any>, ChannelName<Channel>, Name>,
    payload: SignalPayload<Channel, Name>,
    options?: SignalOptions,
  ): Promise<SignalReceipt>;
}

/** A snapshot of a channel whose type is not known. */
export type AnySnapshot = RealtimeSnapshot;

/** The snapshot before anything has happened. */
export const EMPTY: AnySnapshot = {
  connectionStatus: "idle",
  runStatus: "unknown",
  isPaused: false,
  pauseReason: null,
  isCaughtUp: false,
  state: undefined,
  messages: { byTopic: {}, allByTopic: {}, all: [], last: null, delta: [] },
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

/** Returns the state of the run after an update. The latest update replaces all earlier ones. */
export function runSnapshot(update: RunUpdate): Partial<AnySnapshot> {
  const { status, attempt, runError = null, haltReason = null, waitingFor, questionIds, result } = update;
  if (status === undefined) {
    return "result" in update ? { result } : {};
  }
  const run = { runStatus: status, runError, haltReason, waitingFor, questionIds, result };
  return attempt === undefined ? run : { ...run, attempt };
}

type Messages = readonly MessageView[];

/** Returns the messages after an update, with at most `limit` messages per list. */
export function addMessages(messages: AnySnapshot["messages"], delta: Messages, limit: number | null): AnySnapshot["messages"] {
  const lists = [...new Set(delta.map(({ topic }) => topic))].map((topic) => {
    const list = Object.hasOwn(messages.allByTopic, topic) ? messages.allByTopic[topic] : [];
    return [topic, append(list ?? [], delta.filter((message) => message.topic === topic), limit)] as const;
  });
  return {
    byTopic: { ...messages.byTopic, ...Object.fromEntries(delta.map((message) => [message.topic, message])) },
    allByTopic: { ...messages.allByTopic, ...Object.fromEntries(lists) },
    all: append(messages.all, delta, limit),
    last: delta.at(-1) ?? null,
    delta,
  };
}

/** Appends messages, and drops the oldest beyond the limit. A text that has grown keeps its place. */
function append(list: Messages, delta: Messages, limit: number | null): Messages {
  const grown = new Map(delta.filter(({ kind }) => kind === "stream").map((message) => [message.id, message]));
  const replace = (message: MessageView) => {
    const next = grown.get(message.id);
    grown.delete(message.id);
    return next ?? message;
  };
  const merged = grown.size === 0 ? list : list.map(replace);
  const all = [...merged, ...delta.filter(({ kind, id }) => kind === "data" || grown.has(id))];
  return limit === null ? all : limit <= 0 ? [] : all.slice(-limit);
}
