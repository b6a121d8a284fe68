import type { ChannelInput } from "../channel/channel.js";
import { describeDrift } from "../channel/drift.js";
import type { Drift } from "../channel/drift.js";
import type { Gap, Message } from "../channel/message.js";
import type { ConnectionStatus } from "../connection/options.js";
import type { InvalidMessageError } from "../errors.js";
import type { RunUpdate } from "../runs/run-update.js";
import { isolate } from "../util/isolate.js";
import { Queue } from "../util/queue.js";
import type { Cursor } from "../wire.js";
import { ChannelFeed } from "./channel-feed.js";
import type { SubscribeOptions, Subscription } from "./options.js";
import { TextStreams } from "./text-streams.js";

type Options = SubscribeOptions<ChannelInput, readonly string[], boolean, unknown>;

type Item =
  | { readonly message: Message; readonly position: Cursor }
  | { position: Cursor }
  | { readonly state: unknown; readonly position: Cursor }
  | { readonly gap: Gap }
  | { readonly isCaughtUp: true }
  | { readonly run: RunUpdate; readonly position: Cursor }
  | { readonly invalid: InvalidMessageError; readonly position: Cursor };

/** The drifts that were logged. A page's many runs of one channel log it once. */
const loggedDrifts = new Set<string>();

/** The subscription that `subscribe` returns: a feed, and a queue to the reader. */
export class LiveSubscription implements Subscription<Message> {
  readonly confirmed: Promise<void>;
  readonly closed: Promise<Error | null>;
  readonly #options: Options;
  readonly #bufferLimit: number;
  readonly #feed: ChannelFeed;
  readonly #queue = new Queue<Item>();
  readonly #texts = new TextStreams(() => this.#resumeWhenRead());
  /** The errors that were logged. A retry that fails like the one before is not logged again. */
  readonly #loggedErrors = new Set<string>();
  #connectionStatus: ConnectionStatus = "idle";
  #gap: Gap | null = null;
  #position: Cursor | undefined;
  /** The last item of the queue if it is only a position, which may still advance. */
  #lastPosition: { position: Cursor } | undefined;
  #isFull = false;
  #isEnded = false;
  #isClosed = false;
  #resolveConfirmed!: () => void;
  #rejectConfirmed!: (reason: unknown) => void;
  #resolveClosed!: (error: Error | null) => void;

  constructor(options: Options) {
    this.#options = isolateHandlers(options);
    this.#bufferLimit = Math.max(1, options.bufferLimit ?? 10_000);
    this.confirmed = new Promise((resolve, reject) => {
      this.#resolveConfirmed = resolve;
      this.#rejectConfirmed = reject;
    });
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    this.#feed = this.#createFeed();
    options.abortSignal?.addEventListener("abort", this.#abort, { once: true });
    this.#open();
  }

  get connectionStatus(): ConnectionStatus {
    return this.#connectionStatus;
  }

  get gap(): Gap | null {
    return this.#gap;
  }

  get position(): Cursor {
    return this.#position ?? this.#options.since ?? "now";
  }

  close(): void {
    this.#isClosed = true;
    this.#feed.close();
    this.#queue.clear();
    this.#end(null);
  }

  unsubscribe(): void {
    this.close();
  }

  async next(): Promise<IteratorResult<Message, undefined>> {
    for (;;) {
      const item = await this.#queue.take();
      this.#resumeWhenRead();
      if (item === undefined || this.#isClosed) {
        return { done: true, value: undefined };
      }
      if ("position" in item) {
        this.#position = item.position;
        this.#lastPosition = item === this.#lastPosition ? undefined : this.#lastPosition;
      }
      if ("message" in item) {
        return { done: false, value: item.message };
      }
      this.#callHandler(item);
    }
  }

  return(): Promise<IteratorResult<Message, undefined>> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Calls `onMessage` for each message. To keep the order, each call is awaited before the next. */
  deliverTo(onMessage: (message: Message) => void | Promise<void>): void {
    void this.#deliverAll(onMessage).catch((cause: unknown) => {
      const error = toError(cause);
      this.#stop(error);
      if (this.#options.onError === undefined) {
        throw error;
      }
      this.#options.onError(error);
    });
  }

  async #deliverAll(onMessage: (message: Message) => void | Promise<void>): Promise<void> {
    for (;;) {
      const { done, value } = await this.next();
      if (done === true) {
        return;
      }
      try {
        await onMessage(value);
      } catch (error) {
        if (this.#options.onError === undefined) {
          throw error;
        }
        this.#options.onError(toError(error));
      }
    }
  }

  #callHandler(item: Exclude<Item, { message: Message }>): void {
    const { onState, onGap, onCaughtUp, onRun, onInvalid = this.#options.onError } = this.#options;
    if ("state" in item) {
      onState?.(item.state);
    } else if ("gap" in item) {
      this.#gap = item.gap;
      onGap?.(item.gap);
    } else if ("isCaughtUp" in item) {
      onCaughtUp?.();
    } else if ("run" in item) {
      onRun?.(item.run);
    } else if (!("invalid" in item)) {
      return;
    } else if (onInvalid !== undefined) {
      onInvalid(item.invalid);
    } else {
      this.#stop(item.invalid);
      throw item.invalid;
    }
  }

  #createFeed(): ChannelFeed {
    const { validate = true } = this.#options;
    const feed = new ChannelFeed(this.#options, {
      onMessage: (message, position) => this.#push({ message, position }),
      onStream: (head, streamId, position) =>
        this.#push({ message: this.#texts.begin(head, streamId), position }),
      onText: (text, streamId, position) => {
        this.#texts.write(text, streamId);
        this.#advance(position);
      },
      onStreamEnd: (streamId, failure, position) => {
        this.#texts.end(streamId, failure);
        this.#advance(position);
      },
      onState: (state, position) => this.#push({ state, position }),
      onGap: (gap) => this.#push({ gap }),
      onCaughtUp: () => this.#push({ isCaughtUp: true }),
      onRun: (run, position) => this.#push({ run, position }),
      onInvalid: (invalid, position) => this.#push({ invalid, position }),
      onReceived: () => this.#pauseWhenFull(),
      onReady: (position) => void (this.#position ??= position),
      onDrift: (drift) => this.#reportDrift(drift),
      onStatus: (status) => {
        this.#connectionStatus = status;
        if (status === "open") {
          this.#resolveConfirmed();
        }
      },
      onError: (error) => this.#reportError(error),
      onEnd: (error) => {
        this.#rejectConfirmed(error);
        this.#feed.whenDelivered(() => {
          this.#queue.end(error);
          this.#end(error);
        });
      },
    });
    feed.validate = validate;
    return feed;
  }

  #push(item: Item): void {
    this.#lastPosition = undefined;
    this.#queue.push(item);
  }

  /** Advances the position past a frame that is not queued, once the reader has taken all items before it. */
  #advance(position: Cursor): void {
    if (this.#lastPosition !== undefined) {
      this.#lastPosition.position = position;
    } else if (this.#queue.size === 0) {
      this.#position = position;
    } else {
      this.#lastPosition = { position };
      this.#queue.push(this.#lastPosition);
    }
  }

  #open(): void {
    const { token, key } = this.#options;
    this.#feed.open({ ...this.#options, token: token ?? key });
  }

  #pauseWhenFull(): void {
    const isFull = this.#queue.size + this.#feed.pending >= this.#bufferLimit;
    // A reader that reads a text to its end before it takes the next message needs the frames behind these.
    if (!this.#isFull && isFull && !this.#texts.hasReader) {
      this.#isFull = true;
      this.#feed.pause();
    }
  }

  #resumeWhenRead(): void {
    const isRead = this.#queue.size + this.#feed.pending <= this.#bufferLimit / 2;
    if (this.#isFull && (isRead || this.#texts.hasReader)) {
      this.#isFull = false;
      this.#open();
    }
  }

  #reportError(error: Error): void {
    const { channel, onError } = this.#options;
    if (onError !== undefined) {
      onError(error);
    } else {
      const name = typeof channel === "string" ? channel : channel.name;
      warnOnce(this.#loggedErrors, error.message, `${error.message} (channel "${name}")`);
    }
  }

  #reportDrift(drift: Drift | undefined): void {
    if (drift === undefined) {
      return;
    }
    if (this.#options.onDrift !== undefined) {
      this.#options.onDrift(drift);
    } else {
      const { expected, received } = drift;
      warnOnce(loggedDrifts, `${expected} ${received}`, describeDrift(drift));
    }
  }

  readonly #abort = (): void => {
    this.#rejectConfirmed(this.#options.abortSignal?.reason);
    this.close();
  };

  #stop(error: Error): void {
    if (!this.#isEnded) {
      this.#feed.close();
      this.#queue.clear();
      this.#end(error);
    }
  }

  #end(error: Error | null): void {
    this.#isEnded = true;
    this.#isFull = false;
    this.#texts.fail({ reason: "closed", message: "the subscription ended" });
    this.#options.abortSignal?.removeEventListener("abort", this.#abort);
    this.#resolveClosed(error);
  }
}

/** Wraps the handlers, so that one that throws does not end the iteration or stop a retry. */
function isolateHandlers(options: Options): Options {
  const { onState, onGap, onCaughtUp, onRun, onInvalid, onError, onDrift } = options;
  return {
    ...options,
    onState: onState && isolate(onState),
    onGap: onGap && isolate(onGap),
    onCaughtUp: onCaughtUp && isolate(onCaughtUp),
    onRun: onRun && isolate(onRun),
    onInvalid: onInvalid && isolate(onInvalid),
    onError: onError && isolate(onError),
    onDrift: onDrift && isolate(onDrift),
  };
}

function warnOnce(logged: Set<string>, key: string, message: string): void {
  if (!logged.has(key)) {
    logged.add(key);
    console.warn(`fanfare: ${message}`);
  }
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
