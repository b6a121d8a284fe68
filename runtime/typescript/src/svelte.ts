/** The client for Svelte 5. */

import { getContext, setContext } from "svelte";
import { createSubscriber } from "svelte/reactivity";
import { derived, toStore } from "svelte/store";
import type { Readable } from "svelte/store";
import type { ChannelInput, TopicName } from "./channel/channel.js";
import { RealtimeObserver } from "./subscription/observer.js";
import { mergeOptions } from "./subscription/settings.js";
import type { RealtimeOptions, RealtimeSettings } from "./subscription/settings.js";
import type { RealtimeActions, RealtimeSnapshot } from "./subscription/snapshot.js";
import { readTopic, toStoreOptions } from "./subscription/topic.js";
import type { TopicOptions, TopicSnapshot } from "./subscription/topic.js";

export { ConnectionError, InvalidMessageError } from "./errors.js";

/**
 * The result of {@link createRealtime}. Its members are reactive where they are read, so it must not be destructured.
 * It is a store, too: `$realtime` is the snapshot.
 */
export interface Realtime<
  Channel extends ChannelInput = ChannelInput,
  Topics extends readonly TopicName<Channel>[] = readonly TopicName<Channel>[],
  Validate extends boolean = true,
  State = unknown,
> extends RealtimeSnapshot<Channel, Topics, Validate, State>,
    RealtimeActions<Channel>,
    Readable<RealtimeSnapshot<Channel, Topics, Validate, State>> {}

/**
 * The result of {@link createTopic}. Its members are reactive where they are read, so it must not be destructured.
 * It is a store, too: `$topic` is the snapshot.
 */
export interface RealtimeTopic<
  Channel extends ChannelInput = ChannelInput,
  Topic extends TopicName<Channel> = TopicName<Channel>,
  Validate extends boolean = true,
  State = unknown,
> extends TopicSnapshot<Channel, Topic, Validate, State>,
    RealtimeActions<Channel>,
    Readable<TopicSnapshot<Channel, Topic, Validate, State>> {}

/** Defaults for the components below. */
export interface RealtimeDefaults extends Omit<RealtimeSettings, "validate"> {}

const DEFAULTS = Symbol("fanfare");

/** Sets defaults for `createRealtime` in all components below. Call it while a component is initialized. */
export function setRealtimeDefaults(defaults: () => RealtimeDefaults): void {
  const outer = getDefaults();
  setContext(DEFAULTS, () => mergeOptions<RealtimeDefaults>(outer(), defaults()));
}

function getDefaults(): () => RealtimeDefaults {
  return getContext<(() => RealtimeDefaults) | undefined>(DEFAULTS) ?? (() => ({}));
}

/**
 * Subscribes to topics of a channel for as long as a component reads the result. State that the function reads is
 * tracked: if the channel, the topics or `resetKey` change, it drops all messages and subscribes again. Call it
 * while a component is initialized.
 *
 * @example
 * ```svelte
 * <script lang="ts">
 *   const { runId } = $props();
 *   const realtime = createRealtime(() => ({ channel: pipeline({ runId }), topics: ["status"], token }));
 * </script>
 *
 * <p>{realtime.messages.byTopic.status?.data.message ?? realtime.connectionStatus}</p>
 * ```
 */
export function createRealtime<
  const Channel extends ChannelInput = ChannelInput,
  const Topics extends readonly TopicName<Channel>[] = readonly TopicName<Channel>[],
  const Validate extends boolean = true,
  State = undefined,
>(options: () => RealtimeOptions<Channel, Topics, Validate, State>): Realtime<Channel, Topics, Validate, State> {
  const defaults = getDefaults();
  const current = (): RealtimeOptions<Channel, Topics, Validate, State> => mergeOptions(defaults(), options());
  const observer = new RealtimeObserver(current());
  const read = createSubscriber((update) => {
    const unsubscribe = observer.subscribe(update);
    const unfollow = toStore(current).subscribe((options) => observer.setOptions(options));
    observer.start();
    return () => {
      observer.stop();
      unfollow();
      unsubscribe();
    };
  });
  const snapshot = () => {
    read();
    return observer.getSnapshot();
  };
  const names = Object.keys(observer.getSnapshot()) as (keyof RealtimeSnapshot)[];
  const members = names.map((name) => [name, { get: () => snapshot()[name], enumerable: true }] as const);
  const actions = { reset: observer.reset, send: observer.send, subscribe: toStore(snapshot).subscribe };
  return Object.defineProperties(actions, Object.fromEntries(members)) as unknown as Realtime<Channel, Topics, Validate, State>;
}

/**
 * Subscribes to one topic as {@link createRealtime} does, and returns its latest value as `data`.
 *
 * @example
 * ```svelte
 * <script lang="ts">
 *   const { runId } = $props();
 *   const status = createTopic(() => ({ channel: pipeline({ runId }), topic: "status", token }));
 * </script>
 *
 * <p>{status.data?.message ?? status.connectionStatus}</p>
 * ```
 */
export function createTopic<
  const Channel extends ChannelInput,
  const Topic extends TopicName<Channel>,
  const Validate extends boolean = true,
  State = undefined,
>(options: () => TopicOptions<Channel, Topic, Validate, State>): RealtimeTopic<Channel, Topic, Validate, State> {
  const realtime = createRealtime(() => toStoreOptions(options() as unknown as TopicOptions) as RealtimeOptions<ChannelInput, readonly string[], true>);
  const names = ["data", "message", "messages"] as const;
  const members = names.map((name) => [name, { get: () => readTopic(realtime.messages)[name], enumerable: true }] as const);
  const { subscribe } = derived(realtime, (snapshot) => ({ ...snapshot, ...readTopic(snapshot.messages) }));
  return Object.defineProperties(
    {},
    { ...Object.getOwnPropertyDescriptors(realtime), ...Object.fromEntries(members), subscribe: { value: subscribe } },
  ) as unknown as RealtimeTopic<Channel, Topic, Validate, State>;
}
