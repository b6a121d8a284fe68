/** The client for Vue. */

import { computed, getCurrentInstance, hasInjectionContext, inject, onMounted, onScopeDispose, provide, shallowRef, toValue, unref, watch } from "vue";
import type { ComputedRef, InjectionKey, MaybeRef, MaybeRefOrGetter } from "vue";
import type { ChannelInput, TopicName } from "./channel/channel.js";
import { RealtimeObserver } from "./subscription/observer.js";
import { mergeOptions } from "./subscription/settings.js";
import type { RealtimeOptions, RealtimeSettings } from "./subscription/settings.js";
import type { RealtimeActions, RealtimeSnapshot } from "./subscription/snapshot.js";
import type { StateOptions } from "./subscription/state.js";
import { readTopic } from "./subscription/topic.js";
import type { TopicOptions, TopicSnapshot } from "./subscription/topic.js";

export { ConnectionError, InvalidMessageError } from "./errors.js";

/** Options that are functions themselves: a ref may contain them, but they are not called as getters. */
type FunctionOption = (typeof FUNCTION_OPTIONS)[number];

const FUNCTION_OPTIONS = ["token", "WebSocket", "state", "reduce"] as const;

type Refs<Options> = {
  readonly [Name in keyof Options]: Name extends FunctionOption ? MaybeRef<Options[Name]> : MaybeRefOrGetter<Options[Name]>;
};

/**
 * Options of {@link useRealtime}. Each may be a ref or, except `token`, `WebSocket`, `state` and `reduce`, a getter. Those left out
 * are those of the nearest {@link provideRealtime}.
 */
export interface UseRealtimeOptions<
  Channel extends ChannelInput = ChannelInput,
  Topics extends readonly TopicName<Channel>[] = readonly TopicName<Channel>[],
  Validate extends boolean = true,
  State = any,
> extends Refs<Omit<RealtimeOptions, "channel" | "topics" | "validate" | keyof StateOptions>>,
    Refs<StateOptions<Channel, Topics, Validate, State>> {
  /** Without a channel the composable is idle, for example while an id is still being fetched. */
  readonly channel?: MaybeRefOrGetter<Channel | undefined>;
  /** Default: the `topics` of the token, if it has any, otherwise all that the token or session grants. */
  readonly topics?: MaybeRefOrGetter<Topics | undefined>;
  /** Whether to validate payloads with the channel's schemas. Default: true. */
  readonly validate?: MaybeRefOrGetter<Validate | undefined>;
}

/** The result of {@link useRealtime}: a ref for each member of the snapshot, and functions. */
export type UseRealtimeResult<
  Channel extends ChannelInput = ChannelInput,
  Topics extends readonly TopicName<Channel>[] = readonly TopicName<Channel>[],
  Validate extends boolean = true,
  State = unknown,
> = {
  readonly [Name in keyof RealtimeSnapshot<Channel, Topics, Validate, State>]: ComputedRef<RealtimeSnapshot<Channel, Topics, Validate, State>[Name]>;
} & RealtimeActions<Channel>;

/** Options of {@link useTopic}: those of {@link useRealtime}, with one topic. */
export interface UseTopicOptions<
  Channel extends ChannelInput = ChannelInput,
  Topic extends TopicName<Channel> = TopicName<Channel>,
  Validate extends boolean = true,
  State = any,
> extends Refs<Omit<TopicOptions, "channel" | "topic" | "validate" | keyof StateOptions>>,
    Refs<StateOptions<Channel, readonly [Topic], Validate, State>> {
  /** Without a channel the composable is idle, for example while an id is still being fetched. */
  readonly channel: MaybeRefOrGetter<Channel | undefined>;
  readonly topic: MaybeRefOrGetter<Topic>;
  /** Whether to validate payloads with the channel's schemas. Default: true. */
  readonly validate?: MaybeRefOrGetter<Validate | undefined>;
}

/** The result of {@link useTopic}: that of {@link useRealtime}, with the messages of one topic. */
export type UseTopicResult<
  Channel extends ChannelInput = ChannelInput,
  Topic extends TopicName<Channel> = TopicName<Channel>,
  Validate extends boolean = true,
  State = unknown,
> = {
  readonly [Name in keyof TopicSnapshot<Channel, Topic, Validate, State>]: ComputedRef<TopicSnapshot<Channel, Topic, Validate, State>[Name]>;
} & RealtimeActions<Channel>;

/** Defaults for the components below. */
export type RealtimeDefaults = Omit<RealtimeSettings, "validate">;

const DEFAULTS: InjectionKey<MaybeRefOrGetter<RealtimeDefaults>> = Symbol("fanfare");

/** Sets defaults for `useRealtime` in all components below. Call it in `setup`. */
export function provideRealtime(defaults: MaybeRefOrGetter<RealtimeDefaults>): void {
  const outer = inject(DEFAULTS, {});
  provide(DEFAULTS, () => mergeOptions<RealtimeDefaults>(toValue(outer), toValue(defaults)));
}

/**
 * Subscribes to topics of a channel until the component is unmounted, or its effect scope is disposed. If the
 * channel, the topics or `resetKey` change, it drops all messages and subscribes again.
 *
 * @example
 * ```ts
 * const { messages, connectionStatus } = useRealtime({
 *   channel: () => pipeline({ runId: props.runId }),
 *   topics: ["status"],
 *   token: ({ channel }) => fetchToken(channel),
 * });
 * const status = computed(() => messages.value.byTopic.status?.data);
 * ```
 */
export function useRealtime<
  const Channel extends ChannelInput = ChannelInput,
  const Topics extends readonly TopicName<Channel>[] = readonly TopicName<Channel>[],
  const Validate extends boolean = true,
  State = undefined,
>(options: UseRealtimeOptions<Channel, Topics, Validate, State>): UseRealtimeResult<Channel, Topics, Validate, State> {
  const defaults = hasInjectionContext() ? inject(DEFAULTS, {}) : {};
  const current = (): RealtimeOptions => mergeOptions<RealtimeOptions>(toValue(defaults), unwrap(options));
  const observer = new RealtimeObserver(current());
  const snapshot = shallowRef(observer.getSnapshot());
  onScopeDispose(observer.subscribe(() => (snapshot.value = observer.getSnapshot())));
  onScopeDispose(() => observer.stop());
  watch(current, (options) => observer.setOptions(options));
  if (getCurrentInstance() === null) {
    observer.start();
  } else {
    // Not before, as a server that renders the page must not connect.
    onMounted(() => observer.start());
  }
  const names = Object.keys(snapshot.value) as (keyof RealtimeSnapshot)[];
  const refs = names.map((name) => [name, computed(() => snapshot.value[name])]);
  return { ...Object.fromEntries(refs), reset: observer.reset, send: observer.send };
}

/**
 * Subscribes to one topic as {@link useRealtime} does, and returns its latest value.
 *
 * @example
 * ```ts
 * const { data: status, error } = useTopic({ channel: () => pipeline({ runId: props.runId }), topic: "status" });
 * ```
 */
export function useTopic<
  const Channel extends ChannelInput,
  const Topic extends TopicName<Channel>,
  const Validate extends boolean = true,
  State = undefined,
>({ topic, ...options }: UseTopicOptions<Channel, Topic, Validate, State>): UseTopicResult<Channel, Topic, Validate, State> {
  const result = useRealtime({ ...options, topics: () => [toValue(topic)] } as UseRealtimeOptions);
  const topicRefs = {
    data: computed(() => readTopic(result.messages.value).data),
    message: computed(() => readTopic(result.messages.value).message),
    messages: computed(() => readTopic(result.messages.value).messages),
  };
  return { ...result, ...topicRefs } as unknown as UseTopicResult<Channel, Topic, Validate, State>;
}

function unwrap(options: object): RealtimeOptions {
  const isFunction = (name: string) => (FUNCTION_OPTIONS as readonly string[]).includes(name);
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => [name, isFunction(name) ? unref<unknown>(value) : toValue<unknown>(value)]),
  );
}
