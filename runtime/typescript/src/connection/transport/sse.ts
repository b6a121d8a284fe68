import { failureReason } from "../../http/fetch-error.js";
import { retryAfter } from "../../http/retry-after.js";
import { deadline } from "../../util/deadline.js";
import { timing } from "../../util/timing.js";
import { parseFrames, routeUrl } from "../../wire.js";
import type { ClientFrame, Cursor, SubFrame } from "../../wire.js";
import { eventParser } from "./event-parser.js";
import { LOST } from "./transport.js";
import type { Transport, TransportEvents } from "./transport.js";

/** Returns the cursors from which a subscription would currently resume. */
export type ResumeAt = (ref: string) => Readonly<Record<string, Cursor>> | undefined;

/**
 * Carries frames over HTTP, for networks that block WebSockets. The subscriptions of an event stream
 * are fixed when it is opened, so each change opens another stream, which resumes.
 */
export class SseTransport implements Transport {
  readonly address: string;
  readonly isFixed = true;
  readonly #subscriptions = new Map<string, SubFrame>();
  #stream = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor(
    server: URL,
    readonly resumeAt: ResumeAt,
    readonly events: TransportEvents,
  ) {
    this.address = routeUrl(server, "sse").href;
    // The stream is opened with the first subscription.
    queueMicrotask(() => {
      if (!this.#isClosed) {
        events.onOpen();
      }
    });
  }

  /** Records a change and reopens the stream soon. A heartbeat probe reopens it, too. */
  send(frame: ClientFrame): void {
    if (frame.kind === "sub") {
      this.#subscriptions.set(frame.ref, frame);
    } else if (frame.kind === "unsub") {
      this.#subscriptions.delete(frame.ref);
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#reopen();
    }, timing.reopenDelay);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#stream.abort();
  }

  /** Sends cookies to another origin only if a subscription has no token. */
  get #credentials(): RequestCredentials {
    const hasSession = [...this.#subscriptions.values()].some(({ data }) => data === undefined);
    return hasSession ? "include" : "same-origin";
  }

  async #reopen(): Promise<void> {
    this.#stream.abort();
    if (this.#subscriptions.size === 0) {
      return;
    }
    const stream = new AbortController();
    this.#stream = stream;
    const cancelDeadline = deadline(timing.openTimeout, () => this.#fail(stream, "the server did not respond in time"));
    try {
      const response = await fetch(this.address, {
        method: "POST",
        // As plain text, which needs no CORS preflight.
        body: JSON.stringify([...this.#subscriptions.values()].map(this.#withCursor)),
        cache: "no-store",
        credentials: this.#credentials,
        signal: stream.signal,
      });
      cancelDeadline();
      await (response.ok ? this.#read(response, stream) : this.#handleRefusal(response, stream));
    } catch (cause) {
      cancelDeadline();
      this.#fail(stream, failureReason(cause));
    }
  }

  readonly #withCursor = (frame: SubFrame): SubFrame => ({
    ...frame,
    since: this.resumeAt(frame.ref),
  });

  async #read(response: Response, stream: AbortController): Promise<void> {
    const decoder = new TextDecoder();
    const parse = eventParser((data) => this.#receive(data, stream));
    const reader = response.body?.getReader();
    for (;;) {
      const { done = true, value } = (await reader?.read()) ?? {};
      if (done) {
        return this.#fail(stream, "the event stream ended");
      }
      parse(decoder.decode(value, { stream: true }));
    }
  }

  #receive(data: string, stream: AbortController): void {
    // The previous frame may have led to another stream being opened.
    if (stream.signal.aborted) {
      return;
    }
    const frames = parseFrames(data);
    for (const frame of frames) {
      if ((frame.kind === "error" || frame.kind === "unsubscribed") && frame.ref !== undefined) {
        this.#subscriptions.delete(frame.ref);
      }
    }
    this.events.onFrames(frames);
  }

  async #handleRefusal(response: Response, stream: AbortController): Promise<void> {
    const text = await response.text();
    const reason = `${response.status} ${readError(text) ?? response.statusText}`.trim();
    this.#fail(stream, reason, retryAfter(response.headers));
  }

  #fail(stream: AbortController, reason: string, wait?: number): void {
    if (!stream.signal.aborted) {
      this.close();
      this.events.onClose(LOST, reason, wait);
    }
  }
}

/** Returns the `error` of a JSON error response. */
function readError(text: string): string | undefined {
  try {
    const { error } = JSON.parse(text) as { readonly error?: unknown };
    return typeof error === "string" ? error : undefined;
  } catch {
    return undefined;
  }
}
