import type { ChannelInput, TopicName } from "../channel/channel.js";
import { isolate } from "../util/isolate.js";
import { identityOf } from "./settings.js";
import type { RealtimeOptions } from "./settings.js";
import type { RealtimeActions, RealtimeSnapshot } from "./snapshot.js";
import { RealtimeStore } from "./store.js";

/**
 * Follows options that change: another channel, other topics or another `resetKey` drop all messages and
 * subscribe again; all other options apply to the current subscription. An adapter for a framework is a few
 * lines around it.
 *
 * @example
 * ```ts
 * const observer = new RealtimeObserver({ channel: pipeline({ runId }), token });
 * observer.subscribe(() => show(observer.getSnapshot()));
 * observer.start();
 * observer.setOptions({ channel: pipeline({ runId: other }), token });
 * observer.stop();
 * ```
 */
export class RealtimeObserver<
  const Channel extends ChannelInput = ChannelInput,
  const Topics extends readonly TopicName<Channel>[] = readonly TopicName<Channel>[],
  const Validate extends boolean = true,
  State = undefined,
> implements RealtimeActions<Channel>
{
  readonly #listeners = new Set<() => void>();
  #isStarted = false;
  #identity: string;
  #store: RealtimeStore<Channel, Topics, Validate, State>;
  #unsubscribe: () => void;

  constructor(options: RealtimeOptions<Channel, Topics, Validate, State>) {
    this.#identity = JSON.stringify(identityOf(options));
    this.#store = new RealtimeStore(options);
    this.#unsubscribe = this.#store.subscribe(this.#notify);
  }

  /** Calls a listener after each change. Returns a function that removes the listener. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Returns the current snapshot, the same object until something changes. */
  readonly getSnapshot = (): RealtimeSnapshot<Channel, Topics, Validate, State> => this.#store.getSnapshot();

  /** Clears messages, the state of the run, error and gap, but not `state`. The connection stays open. */
  readonly reset = (): void => this.#store.reset();

  /** Sends a signal with the token and the `apiBaseUrl` of the options. */
  readonly send: RealtimeActions<Channel>["send"] = (...args) => this.#store.send(...args);

  /** Connects. Creating an observer has no effects, so servers that render pages do not call this. */
  start(): void {
    this.#isStarted = true;
    this.#store.start();
  }

  /** Disconnects. `start` resumes after the last message, as far as the server's history reaches. */
  stop(): void {
    this.#isStarted = false;
    this.#store.stop();
  }

  /** Replaces all options; those left out have their defaults. */
  setOptions(options: RealtimeOptions<Channel, Topics, Validate, State>): void {
    const identity = JSON.stringify(identityOf(options));
    if (identity === this.#identity) {
      return this.#store.replaceSettings(options);
    }
    this.#identity = identity;
    this.#unsubscribe();
    this.#store.stop();
    this.#store = new RealtimeStore(options);
    this.#unsubscribe = this.#store.subscribe(this.#notify);
    if (this.#isStarted) {
      this.#store.start();
    }
    this.#notify();
  }

  readonly #notify = (): void => {
    for (const listener of this.#listeners) {
      isolate(listener)();
    }
  };
}
