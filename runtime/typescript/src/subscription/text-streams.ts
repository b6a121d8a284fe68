import type { StreamMessage } from "../channel/message.js";
import { TextStreamError } from "../errors.js";
import type { StreamFailure, StreamHead } from "./delivery.js";

/** The text streams of one subscription. */
export class TextStreams {
  readonly #open = new Map<string, TextStream>();

  constructor(
    /** Called when a reader waits for more text. */
    readonly onRead: () => void,
  ) {}

  /** Whether a reader waits for more text of any stream. */
  get hasReader(): boolean {
    return [...this.#open.values()].some(({ isAwaited }) => isAwaited);
  }

  begin(head: StreamHead, streamId: string): StreamMessage {
    const stream = new TextStream(head, this.onRead);
    this.#open.set(streamId, stream);
    return { ...head, data: stream.readable };
  }

  write(text: string, streamId: string): void {
    this.#open.get(streamId)?.write(text);
  }

  end(streamId: string, failure: StreamFailure | undefined): void {
    this.#open.get(streamId)?.end(failure);
    this.#open.delete(streamId);
  }

  /** Ends all open streams. */
  fail(failure: StreamFailure): void {
    for (const streamId of [...this.#open.keys()]) {
      this.end(streamId, failure);
    }
  }
}

/**
 * A text stream. It keeps unread chunks itself because an error would drop those that a `ReadableStream`
 * holds.
 */
class TextStream {
  readonly readable: ReadableStream<string>;
  #controller!: ReadableStreamDefaultController<string>;
  #unread: string[] = [];
  #end: (() => void) | undefined;
  #isCancelled = false;
  /** Whether a reader waits for more text. */
  isAwaited = false;

  constructor(
    readonly head: StreamHead,
    onRead: () => void,
  ) {
    this.readable = new ReadableStream<string>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => {
          this.isAwaited = true;
          this.#flush();
          if (this.isAwaited) {
            onRead();
          }
        },
        cancel: () => {
          this.#isCancelled = true;
          this.#unread = [];
        },
      },
      { highWaterMark: 0 },
    );
  }

  write(text: string): void {
    if (!this.#isCancelled) {
      this.#unread.push(text);
      this.#flush();
    }
  }

  end(failure: StreamFailure | undefined): void {
    const { channel, topic, id } = this.head;
    this.#end = () =>
      failure === undefined
        ? this.#controller.close()
        : this.#controller.error(new TextStreamError(channel, topic, id, failure.reason, failure.message));
    this.#flush();
  }

  #flush(): void {
    if (!this.isAwaited || this.#isCancelled) {
      return;
    }
    const text = this.#unread.shift();
    if (text !== undefined) {
      this.isAwaited = false;
      this.#controller.enqueue(text);
    } else if (this.#end !== undefined) {
      this.isAwaited = false;
      this.#end();
    }
  }
}
