import type { ChannelInput } from "../channel/channel.js";
import { Delivery } from "./delivery.js";
import { describeDrift, findDrift } from "../channel/drift.js";
import type { InvalidMessageError } from "../errors.js";
import { isolated } from "../util/isolate.js";
import { Link } from "./channel-subscription.js";
import type { Gap, Message } from "../channel/message.js";
import type { RunUpdate } from "../runs/run-update.js";
import type { ConnectionStatus } from "../connection/options.js";
import { Queue } from "../util/queue.js";
import type { SubscribeOptions, Subscription } from "./options.js";
import { TextStreams } from "./text-streams.js";
import type { Cursor, ReadyFrame } from "../wire.js";

type Options = SubscribeOptions<ChannelInput, readonly string[], boolean>;

type Item =
  | { readonly message: Message; readonly position: Cursor }
  | { position: Cursor }
  | { readonly gap: Gap }
  | { readonly run: RunUpdate; readonly position: Cursor }
  | { readonly invalid: InvalidMessageError; readonly position: Cursor };

/** Of a page's many runs of one channel, the first tells the console of a drift. */
const driftsWarnedOf = new Set<string>();

/** What `subscribe` resolves with: a link, a delivery, and a queue to the reader. */
export class LiveSubscription implements Subscription<Message> {
  readonly confirmed: Promise<void>;
  readonly closed: Promise<Error | null>;
  readonly #options: Options;
  readonly #bufferLimit: number;
  readonly #link: Link;
  readonly #delivery: Delivery;
  readonly #queue = new Queue<Item>();
  readonly #texts = new TextStreams(() => this.#resumeWhenRead());
  /** A retry fails as the one before did; saying so once is enough. */
  readonly #warnedOf = new Set<string>();
  #connectionStatus: ConnectionStatus = "idle";
  #gap: Gap | null = null;
  #position: Cursor | undefined;
  /** What stands last in the queue where that is no more than a position, which may still move on. */
  #lastPosition: { position: Cursor } | undefined;
  #isFull = false;
  #isEnded = false;
  #isClosed = false;
  #confirm!: () => void;
  #refuse!: (reason: unknown) => void;
  #settleClosed!: (error: Error | null) => void;

  constructor(options: Options) {
    this.#options = withIsolatedHandlers(options);
    this.#bufferLimit = Math.max(1, options.bufferLimit ?? 10_000);
    this.confirmed = new Promise((resolve, reject) => {
      this.#confirm = resolve;
      this.#refuse = reject;
    });
    this.closed = new Promise((resolve) => {
      this.#settleClosed = resolve;
    });
    this.#delivery = this.#createDelivery();
    this.#link = this.#createLink();
    options.signal?.addEventListener("abort", this.#abort, { once: true });
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
    this.#link.close();
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
      this.#tell(item);
    }
  }

  return(): Promise<IteratorResult<Message, undefined>> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The callback form: one call is awaited before the next, so that order is kept. */
  deliverTo(onMessage: (message: Message) => void | Promise<void>): void {
    void this.#deliverAll(onMessage).catch((cause: unknown) => {
      const error = asError(cause);
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
        this.#options.onError(asError(error));
      }
    }
  }

  #tell(item: Exclude<Item, { message: Message }>): void {
    const { onGap, onRun, onInvalid = this.#options.onError } = this.#options;
    if ("gap" in item) {
      this.#gap = item.gap;
      onGap?.(item.gap);
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

  #createDelivery(): Delivery {
    const { channel, topics, validate = true } = this.#options;
    return new Delivery(channel, topics, { validate }, {
      onMessage: (message, position) => this.#push({ message, position }),
      onStream: (head, streamId, position) =>
        this.#push({ message: this.#texts.begin(head, streamId), position }),
      onText: (text, streamId, position) => {
        this.#texts.write(text, streamId);
        this.#passed(position);
      },
      onStreamEnd: (streamId, failure, position) => {
        this.#texts.end(streamId, failure);
        this.#passed(position);
      },
      onGap: (gap) => this.#push({ gap }),
      onRun: (run, position) => this.#push({ run, position }),
      onInvalid: (invalid, position) => this.#push({ invalid, position }),
    });
  }

  #push(item: Item): void {
    this.#lastPosition = undefined;
    this.#queue.push(item);
  }

  /** Something has gone past the queue; whoever is handed out all that stands in it is here. */
  #passed(position: Cursor): void {
    if (this.#lastPosition !== undefined) {
      this.#lastPosition.position = position;
    } else if (this.#queue.size === 0) {
      this.#position = position;
    } else {
      this.#lastPosition = { position };
      this.#queue.push(this.#lastPosition);
    }
  }

  #createLink(): Link {
    const { channel, topics, since, onError } = this.#options;
    const name = typeof channel === "string" ? channel : channel.name;
    return new Link({ channel: name, topics }, since, {
      onFrame: (frame, cursor) => {
        this.#delivery.accept(frame, cursor);
        this.#pauseWhenFull();
      },
      onReady: (frame) => {
        this.#position ??= frame.position;
        this.#compare(frame);
      },
      onStatus: (status) => {
        this.#connectionStatus = status;
        if (status === "open") {
          this.#confirm();
        }
      },
      onError: (error) => {
        if (onError !== undefined) {
          onError(error);
        } else {
          warnOnce(this.#warnedOf, error.message, `${error.message} (channel "${name}")`);
        }
      },
      onEnd: (error) => {
        this.#refuse(error);
        // What arrived before is still delivered.
        this.#delivery.accept(() => {
          this.#queue.end(error);
          this.#end(error);
        });
      },
    });
  }

  #open(): void {
    const { token, key } = this.#options;
    this.#link.open({ ...this.#options, token: token ?? key });
  }

  #pauseWhenFull(): void {
    const isFull = this.#queue.size + this.#delivery.pending >= this.#bufferLimit;
    // Who reads a text to its end before the next message needs what comes after these.
    if (!this.#isFull && isFull && !this.#texts.isAnyAwaited) {
      this.#isFull = true;
      this.#link.pause();
    }
  }

  #resumeWhenRead(): void {
    const isRead = this.#queue.size + this.#delivery.pending <= this.#bufferLimit / 2;
    if (this.#isFull && (isRead || this.#texts.isAnyAwaited)) {
      this.#isFull = false;
      this.#open();
    }
  }

  #compare(frame: ReadyFrame): void {
    const drift = findDrift(this.#options.channel, frame);
    if (drift === undefined) {
      return;
    }
    if (this.#options.onDrift !== undefined) {
      this.#options.onDrift(drift);
    } else {
      const { expected, received } = drift;
      warnOnce(driftsWarnedOf, `${expected} ${received}`, describeDrift(drift));
    }
  }

  readonly #abort = (): void => {
    this.#refuse(this.#options.signal?.reason);
    this.close();
  };

  #stop(error: Error): void {
    if (!this.#isEnded) {
      this.#link.close();
      this.#queue.clear();
      this.#end(error);
    }
  }

  #end(error: Error | null): void {
    this.#isEnded = true;
    this.#isFull = false;
    this.#texts.fail({ reason: "closed", why: "the subscription has ended" });
    this.#options.signal?.removeEventListener("abort", this.#abort);
    this.#settleClosed(error);
  }
}

/** A handler that throws must not end the iteration, the retry or the frame that it was called in. */
function withIsolatedHandlers(options: Options): Options {
  const { onGap, onRun, onInvalid, onError, onDrift } = options;
  return {
    ...options,
    onGap: onGap && isolated(onGap),
    onRun: onRun && isolated(onRun),
    onInvalid: onInvalid && isolated(onInvalid),
    onError: onError && isolated(onError),
    onDrift: onDrift && isolated(onDrift),
  };
}

function warnOnce(warnedOf: Set<string>, key: string, message: string): void {
  if (!warnedOf.has(key)) {
    warnedOf.add(key);
    console.warn(`fanfare: ${message}`);
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
