import { useContext, useEffect, useState, useSyncExternalStore } from "react";
import type { ChannelInput, TopicName } from "../channel/channel.js";
import type { ConnectionStatus } from "../connection/options.js";
import type { RunStatus } from "../runs/run-update.js";
import { identityOf, mergeOptions, sourceOf } from "../subscription/settings.js";
import type { AnyOptions, Identity, RealtimeOptions } from "../subscription/settings.js";
import type { PauseReason, RealtimeActions, RealtimeSnapshot } from "../subscription/snapshot.js";
import { RealtimeStore } from "../subscription/store.js";
import { Defaults } from "./provider.js";

export type UseRealtimeConnectionStatus = ConnectionStatus;
export type UseRealtimeRunStatus = RunStatus;
export type UseRealtimePauseReason = PauseReason | null;

/**
 * Options of {@link useRealtime}. Those left out are those of the nearest `RealtimeProvider`. Only `token` is
 * always required; outside a web page, `apiBaseUrl` is, too.
 */
export interface UseRealtimeOptions<
  Channel extends ChannelInput = ChannelInput,
  Topics extends readonly TopicName<Channel>[] = readonly TopicName<Channel>[],
  Validate extends boolean = true,
  State = any,
> extends RealtimeOptions<Channel, Topics, Validate, State> {}

/** The result of {@link useRealtime}: a snapshot of the channel, and functions that are the same at each render. */
export interface UseRealtimeResult<
  Channel extends ChannelInput = ChannelInput,
  Topics extends readonly TopicName<Channel>[] = readonly TopicName<Channel>[],
  Validate extends boolean = true,
  State = unknown,
> extends RealtimeSnapshot<Channel, Topics, Validate, State>,
    RealtimeActions<Channel> {}

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
  State = undefined,
>(
  options: UseRealtimeOptions<Channel, Topics, Validate, State>,
): UseRealtimeResult<Channel, Topics, Validate, State> {
  const merged = mergeOptions(useContext(Defaults), options);
  const store = useStore(merged);
  useEffect(() => store.replaceSettings(merged));
  useEffect(() => {
    store.start();
    return () => store.stop();
  }, [store]);
  const snapshot = useSyncExternalStore(store.subscribe, store.getSnapshot, store.getServerSnapshot);
  return { ...snapshot, reset: store.reset, send: store.send } as unknown as UseRealtimeResult<
    Channel,
    Topics,
    Validate,
    State
  >;
}

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
function useStore(options: AnyOptions): RealtimeStore<any, any, any, any> {
  const identity = identityOf(options);
  const create = (previous?: Held): Held => {
    const store = new RealtimeStore({ ...sourceOf(options), since: options.since });
    return { identity, store, previous, impure: previous?.impure ?? [] };
  };
  const [held, hold] = useState(() => create());
  const names = Object.keys(identity) as (keyof Identity)[];
  const changed = names.filter((name) => !held.impure.includes(name) && held.identity[name] !== identity[name]);
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
