import type { StreamFailure, StreamHead } from "./delivery.js";
import { TextStreamError } from "./error.js";
import type { StreamMessage } from "./message.js";

interface OpenStream {
  readonly head: StreamHead;
  readonly controller: ReadableStreamDefaultController<string>;
  /** Whether someone waits for more text. */
  isAwaited: boolean;
}

/** The text streams of one subscription, from their frames to their readers. */
export class TextStreams {
  readonly #open = new Map<string, OpenStream>();

  constructor(
    /** Someone waits for more of a text. */
    readonly onAwaited: () => void,
  ) {}

  get isAnyAwaited(): boolean {
    return [...this.#open.values()].some(({ isAwaited }) => isAwaited);
  }

  begin(head: StreamHead, streamId: string): StreamMessage {
    const data = new ReadableStream<string>(
      {
        start: (controller) => {
          this.#open.set(streamId, { head, controller, isAwaited: false });
        },
        pull: () => {
          const stream = this.#open.get(streamId);
          if (stream !== undefined) {
            stream.isAwaited = true;
            this.onAwaited();
          }
        },
        cancel: () => {
          this.#open.delete(streamId);
        },
      },
      { highWaterMark: 0 },
    );
    return { ...head, data };
  }

  write(text: string, streamId: string): void {
    const stream = this.#open.get(streamId);
    if (stream !== undefined) {
      stream.isAwaited = false;
      stream.controller.enqueue(text);
    }
  }

  end(streamId: string, failure: StreamFailure | undefined): void {
    const stream = this.#open.get(streamId);
    this.#open.delete(streamId);
    if (failure === undefined) {
      return stream?.controller.close();
    }
    if (stream !== undefined) {
      const { channel, topic, id } = stream.head;
      stream.controller.error(new TextStreamError(channel, topic, id, failure.reason, failure.why));
    }
  }

  /** Ends all that are open. */
  fail(failure: StreamFailure): void {
    for (const streamId of [...this.#open.keys()]) {
      this.end(streamId, failure);
    }
  }
}
