/** The client for Solid. */

import { createComponent, createComputed, createContext, createMemo, createSignal, onCleanup, onMount, splitProps, untrack, useContext } from "solid-js";
import type { Accessor, JSX, ParentProps } from "solid-js";
import type { ChannelInput, TopicName } from "./channel/channel.js";
import { RealtimeObserver } from "./subscription/observer.js";
import { mergeOptions } from "./subscription/settings.js";
import type { RealtimeOptions, RealtimeSettings } from "./subscription/settings.js";
import type { RealtimeActions, RealtimeSnapshot } from "./subscription/snapshot.js";
import { readTopic, toStoreOptions } from "./subscription/topic.js";
import type { TopicOptions, TopicSnapshot } from "./subscription/topic.js";

export { ConnectionError, InvalidMessageError } from "./errors.js";

/**
 * The result of {@link createRealtime}. Like props, its members are reactive where they are read, so it must not be
 * destructured. Each is a signal of its own: a new message does not affect what reads only `waitingFor`.
 */
export interface Realtime<
  Channel extends ChannelInput = ChannelInput,
  Topics extends readonly TopicName<Channel>[] = readonly TopicName<Channel>[],
  Validate extends boolean = true,
  State = unknown,
> extends RealtimeSnapshot<Channel, Topics, Validate, State>,
    RealtimeActions<Channel> {}

/**
 * The result of {@link createTopic}. Like props, its members are reactive where they are read, so it must not be
 * destructured.
 */
export interface RealtimeTopic<
  Channel extends ChannelInput = ChannelInput,
  Topic extends TopicName<Channel> = TopicName<Channel>,
  Validate extends boolean = true,
  State = unknown,
> extends TopicSnapshot<Channel, Topic, Validate, State>,
    RealtimeActions<Channel> {}

/** Defaults for the components below. */
export interface RealtimeDefaults extends Omit<RealtimeSettings, "validate"> {}

const Defaults = createContext<Accessor<RealtimeDefaults>>(() => ({}));

/** Sets defaults for `createRealtime` in all components below. */
export function RealtimeProvider(props: ParentProps<RealtimeDefaults>): JSX.Element {
  const outer = useContext(Defaults);
  const [, defaults] = splitProps(props, ["children"]);
  const value = createMemo(() => mergeOptions<RealtimeDefaults>(outer(), defaults));
  return createComponent(Defaults.Provider, {
    value,
    get children() {
      return props.children;
    },
  });
}

/**
 * Subscribes to topics of a channel until its owner is disposed. The options are an object, or a function whose
 * signals are tracked. If the channel, the topics or `resetKey` change, it drops all messages and subscribes again.
 *
 * @example
 * ```tsx
 * const realtime = createRealtime(() => ({ channel: pipeline({ runId: props.runId }), topics: ["status"], token }));
 * return <p>{realtime.messages.byTopic.status?.data.message ?? realtime.connectionStatus}</p>;
 * ```
 */
export function createRealtime<
  const Channel extends ChannelInput = ChannelInput,
  const Topics extends readonly TopicName<Channel>[] = readonly TopicName<Channel>[],
  const Validate extends boolean = true,
  State = undefined,
>(
  options: RealtimeOptions<Channel, Topics, Validate, State> | Accessor<RealtimeOptions<Channel, Topics, Validate, State>>,
): Realtime<Channel, Topics, Validate, State> {
  const defaults = useContext(Defaults);
  const current = (): RealtimeOptions<Channel, Topics, Validate, State> =>
    mergeOptions(defaults(), typeof options === "function" ? options() : options);
  const observer = new RealtimeObserver(untrack(current));
  const [snapshot, setSnapshot] = createSignal(observer.getSnapshot());
  onCleanup(observer.subscribe(() => setSnapshot(() => observer.getSnapshot())));
  createComputed(() => observer.setOptions(current()));
  // Not before, as a server that renders the page must not connect.
  onMount(() => observer.start());
  onCleanup(() => observer.stop());
  const names = Object.keys(untrack(snapshot)) as (keyof RealtimeSnapshot)[];
  const members = names.map((name) => [name, { get: createMemo(() => snapshot()[name]), enumerable: true }] as const);
  return Object.defineProperties({ reset: observer.reset, send: observer.send }, Object.fromEntries(members)) as Realtime<Channel, Topics, Validate, State>;
}

/**
 * Subscribes to one topic as {@link createRealtime} does, and returns its latest value as `data`.
 *
 * @example
 * ```tsx
 * const status = createTopic(() => ({ channel: pipeline({ runId: props.runId }), topic: "status", token }));
 * return <p>{status.data?.message ?? status.connectionStatus}</p>;
 * ```
 */
export function createTopic<
  const Channel extends ChannelInput,
  const Topic extends TopicName<Channel>,
  const Validate extends boolean = true,
  State = undefined,
>(
  options: TopicOptions<Channel, Topic, Validate, State> | Accessor<TopicOptions<Channel, Topic, Validate, State>>,
): RealtimeTopic<Channel, Topic, Validate, State> {
  const current = () => (typeof options === "function" ? options() : options) as unknown as TopicOptions;
  const realtime = createRealtime(() => toStoreOptions(current()) as RealtimeOptions<ChannelInput, readonly string[], true>);
  const names = ["data", "message", "messages"] as const;
  const members = names.map((name) => [name, { get: createMemo(() => readTopic(realtime.messages)[name]), enumerable: true }] as const);
  return Object.defineProperties(
    {},
    { ...Object.getOwnPropertyDescriptors(realtime), ...Object.fromEntries(members) },
  ) as unknown as RealtimeTopic<Channel, Topic, Validate, State>;
}
