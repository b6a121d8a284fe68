import type { ChannelInput, TopicName } from "../channel/channel.js";
import type { Gap, MessageView } from "../channel/message.js";
import type { Cursor } from "../wire.js";

/** A state of the application's data, and the position from which messages continue it. */
export interface StateSnapshot<State> {
  /**
   * The channel's position from just before the state was read, or from the same transaction. A server gets it from
   * `Hub::position`.
   */
  readonly position: Cursor;
  readonly state: State;
}

/** A state in the order of frames. */
export interface StateEntry extends StateSnapshot<unknown> {
  readonly kind: "state";
}

/** Why a state is needed. */
export interface StateRequest {
  /** The channel's name: `shop:42`. */
  readonly channel: string;
  /** The gap because of which the state is loaded again. Undefined for the first state of a subscription. */
  readonly gap: Gap | undefined;
  /** Aborted once the state is no longer needed, or after 30 seconds. Pass it to `fetch` as `signal`. */
  readonly abortSignal: AbortSignal;
}

/**
 * Loads the state that messages continue. If it fails, or does not settle within 30 seconds, it is called again.
 *
 * @example
 * ```ts
 * state: async ({ abortSignal }) => {
 *   const response = await fetch("/api/orders", { signal: abortSignal });
 *   if (!response.ok) throw new Error(await response.text());
 *   return response.json() as Promise<StateSnapshot<Order[]>>;
 * }
 * ```
 */
export type StateFunction<State> = (request: StateRequest) => StateSnapshot<State> | Promise<StateSnapshot<State>>;

/** Returns the state after a message. */
// The type of a method, so that a store of one channel is also a store of any channel.
export type StateReducer<State, Message> = { reduce(state: State, message: Message): State }["reduce"];

/** The options of a store that shows a state. */
export interface StateOptions<
  Channel extends ChannelInput = ChannelInput,
  Topics extends readonly TopicName<Channel>[] = readonly TopicName<Channel>[],
  Validate extends boolean = boolean,
  State = unknown,
> {
  /**
   * Loads the state that messages continue, such as rows of the application's database. It is called before the
   * subscription begins, which then starts at the returned position (`since` has no effect), and again in place of
   * each gap. Each new state empties the lists of `messages`. It may be another function each time; the latest is called.
   */
  readonly state?: StateFunction<State> | undefined;
  /**
   * Applies a message to the state, and returns the new state. It is called for every message once, in order, and for
   * a text stream each time its text has grown. Default: the state stays as it was loaded.
   */
  readonly reduce?: StateReducer<NoInfer<State>, MessageView<NoInfer<Channel>, NoInfer<Topics>[number], NoInfer<Validate>>> | undefined;
}
