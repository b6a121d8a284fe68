import { deadline } from "../../util/deadline.js";
import { failureReason } from "../../http/fetch-error.js";
import { retryAfter } from "../../http/retry-after.js";
import { timing } from "../../util/timing.js";
import { parseFrames, routeUrl } from "../../wire.js";
import type { ClientFrame, Cursor, SubFrame } from "../../wire.js";
import { eventReader } from "./event-parser.js";
import { LOST } from "./transport.js";
import type { Transport, TransportEvents } from "./transport.js";

/** Where a subscription is to be resumed by now. */
export type ResumeAt = (ref: string) => Readonly<Record<string, Cursor>> | undefined;

/**
 * Frames over HTTP, where WebSockets are blocked. What a stream carries is fixed
 * when it is opened; so whatever changes opens another one, which resumes.
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
    // There is nothing to open before there is something to subscribe to.
    queueMicrotask(() => {
      if (!this.#isClosed) {
        events.onOpen();
      }
    });
  }

  /** A server is not asked whether it is there but connected to again. */
  send(frame: ClientFrame): void {
    if (frame.kind === "sub") {
      this.#subscriptions.set(frame.ref, frame);
    } else if (frame.kind === "unsub") {
      this.#subscriptions.delete(frame.ref);
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#reopen();
    }, timing.coalesce);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#stream.abort();
  }

  /** Cookies go to another origin only for what has no token. */
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
    const cancelDeadline = deadline(timing.open, () => this.#lost(stream, "it did not answer in time"));
    try {
      const response = await fetch(this.address, {
        method: "POST",
        // As plain text, which pages may send to other origins without asking first.
        body: JSON.stringify([...this.#subscriptions.values()].map(this.#resumed)),
        cache: "no-store",
        credentials: this.#credentials,
        signal: stream.signal,
      });
      cancelDeadline();
      await (response.ok ? this.#read(response, stream) : this.#refused(response, stream));
    } catch (cause) {
      cancelDeadline();
      this.#lost(stream, failureReason(cause));
    }
  }

  readonly #resumed = (frame: SubFrame): SubFrame => ({
    ...frame,
    since: this.resumeAt(frame.ref),
  });

  async #read(response: Response, stream: AbortController): Promise<void> {
    const decoder = new TextDecoder();
    const takeText = eventReader((data) => this.#receive(data, stream));
    const reader = response.body?.getReader();
    for (;;) {
      const { done = true, value } = (await reader?.read()) ?? {};
      if (done) {
        return this.#lost(stream, "the event stream has ended");
      }
      takeText(decoder.decode(value, { stream: true }));
    }
  }

  #receive(data: string, stream: AbortController): void {
    // Whoever got a frame before may have had another stream opened.
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

  async #refused(response: Response, stream: AbortController): Promise<void> {
    const text = await response.text();
    const reason = `${response.status} ${readError(text) ?? response.statusText}`.trim();
    this.#lost(stream, reason, retryAfter(response.headers));
  }

  #lost(stream: AbortController, reason: string, wait?: number): void {
    if (!stream.signal.aborted) {
      this.close();
      this.events.onClose(LOST, reason, wait);
    }
  }
}

/** What the server says of a refusal. */
function readError(text: string): string | undefined {
  try {
    const { error } = JSON.parse(text) as { readonly error?: unknown };
    return typeof error === "string" ? error : undefined;
  } catch {
    return undefined;
  }
}
