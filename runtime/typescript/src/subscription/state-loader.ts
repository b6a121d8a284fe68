/** Loading states. This code is loaded on demand, by the first subscription that has a state. */

import type { Gap } from "../channel/message.js";
import { Backoff } from "../connection/backoff.js";
import type { DelayRange } from "../connection/backoff.js";
import { callFunction } from "../connection/call-function.js";
import { ConnectionError } from "../errors.js";
import type { CaughtUpFrame, GapFrame } from "../wire.js";
import type { StateEntry, StateFunction, StateRequest, StateSnapshot } from "./state.js";

/** From so many states in a row on that were too old when they arrived, an error is reported. */
const MAX_STALE_STATES = 3;

/** The subscription that needs states. */
interface StateReceiver {
  readonly target: { readonly channel: string };
  readonly reconnectDelay: DelayRange;
  /** An error that the subscription survives. */
  onError(error: Error): void;
  /** Continues from a state. */
  onState(entry: StateEntry): void;
}

/** Loads the states of a subscription: the first, and another after each gap. */
export class StateLoader {
  readonly #backoff = new Backoff();
  #isNeeded = true;
  /** The gap because of which a state is needed. */
  #gap: Gap | undefined;
  /** The states that were loaded since the subscription last caught up. */
  #loaded = 0;

  constructor(readonly receiver: StateReceiver) {}

  /** Returns `true` if another state is needed, because messages are missing. */
  record(frame: GapFrame | CaughtUpFrame): boolean {
    if (frame.kind === "caught-up") {
      this.#loaded = 0;
      this.#backoff.reset();
      return false;
    }
    const { channel, after, before } = frame;
    this.#gap = { channel, after, before };
    this.#isNeeded = true;
    return true;
  }

  /**
   * Hands over a state if one is needed, unless `isCurrent` no longer holds. `onCancel` receives a function that
   * aborts.
   */
  async load(
    load: StateFunction<unknown> | undefined,
    isCurrent: () => boolean,
    onCancel: (cancel: () => void) => void,
  ): Promise<void> {
    if (load === undefined || !this.#isNeeded || !isCurrent()) {
      return;
    }
    const abort = new AbortController();
    onCancel(() => abort.abort());
    await this.#waitAfterStale(abort.signal);
    try {
      const { state, position } = await this.#call(load, abort.signal);
      if (isCurrent()) {
        onCancel(() => {});
        this.#isNeeded = false;
        this.#loaded += 1;
        this.receiver.onState({ kind: "state", state, position });
      }
    } catch (cause) {
      // The function may still run if it took too long.
      abort.abort(cause);
      throw cause;
    }
  }

  /**
   * Waits if the last states were too old when they arrived, as the history is too short for the load. After the first
   * such state, the next follows at once.
   */
  async #waitAfterStale(abortSignal: AbortSignal): Promise<void> {
    if (this.#loaded >= MAX_STALE_STATES) {
      const message =
        `The last ${this.#loaded} states of the channel "${this.receiver.target.channel}" were too old: messages after ` +
        "their positions are no longer in the history, or the server does not know the positions; load the state " +
        "faster, or keep more history";
      this.receiver.onError(new ConnectionError(message, { fatal: false, code: "stale_state" }));
    }
    if (this.#loaded > 1) {
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, this.#backoff.next(this.receiver.reconnectDelay));
        abortSignal.addEventListener("abort", () => {
          clearTimeout(timer);
          resolve(undefined);
        });
      });
    }
  }

  async #call(load: StateFunction<unknown>, abortSignal: AbortSignal): Promise<StateSnapshot<unknown>> {
    abortSignal.throwIfAborted();
    const request: StateRequest = { channel: this.receiver.target.channel, gap: this.#gap, abortSignal };
    const snapshot = await callFunction("state", () => load(request));
    if (typeof (snapshot as Partial<StateSnapshot<unknown>> | undefined)?.position !== "string") {
      const message = "The `state` function returned no position: return `{ position, state }`";
      throw new ConnectionError(message, { fatal: false });
    }
    return snapshot;
  }
}
