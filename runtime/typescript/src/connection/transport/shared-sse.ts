import { routeUrl } from "../../wire.js";
import type { ClientFrame, SubFrame } from "../../wire.js";
import { canGroup, PageGroup } from "./page-group.js";
import { SharedStream } from "./shared-stream.js";
import type { StreamAnswer } from "./shared-stream.js";
import { SseTransport } from "./sse.js";
import type { ResumeAt } from "./sse.js";
import type { Transport, TransportEvents } from "./transport.js";

/** Creates an event stream: in a browser one that all its pages share, elsewhere a separate one. */
export function createEventStream(server: URL, resumeAt: ResumeAt, events: TransportEvents): Transport {
  return canGroup() ? new SharedSseTransport(server, resumeAt, events) : new SseTransport(server, resumeAt, events);
}

/**
 * Carries frames over an event stream that the pages of a browser share. Over HTTP/1.1 a browser
 * opens at most six connections to a host, and six tabs with a stream each would leave none for
 * other requests.
 */
class SharedSseTransport implements Transport {
  readonly address: string;
  readonly isFixed = true;
  readonly #subscriptions = new Map<string, SubFrame>();
  readonly #group: PageGroup<readonly ClientFrame[], StreamAnswer>;
  /** The stream of all pages, if this page is the leader. */
  #shared: SharedStream | undefined;
  /** The page's own stream, if no leader answers or the shared stream is full. */
  #own: SseTransport | undefined;
  #isClosed = false;

  constructor(
    readonly server: URL,
    readonly resumeAt: ResumeAt,
    readonly events: TransportEvents,
  ) {
    this.address = routeUrl(server, "sse").href;
    this.#group = new PageGroup(`fanfare 1 ${this.address}`, {
      onLead: () => {
        this.#shared = new SharedStream(server, this.#group);
      },
      onLeader: () => this.#group.request([...this.#subscriptions.values()].map(this.#withCursor)),
      onNoLeader: () => this.#useOwnStream(),
      onAnswer: (answer) => this.#receive(answer),
      onRequest: (member, frames) => this.#shared?.handle(member, frames),
      onMemberLost: (member) => this.#shared?.remove(member),
    });
    queueMicrotask(() => {
      if (!this.#isClosed) {
        events.onOpen();
      }
    });
  }

  send(frame: ClientFrame): void {
    if (this.#own !== undefined) {
      return this.#own.send(frame);
    }
    if (frame.kind === "sub") {
      this.#subscriptions.set(frame.ref, frame);
    } else if (frame.kind === "unsub") {
      this.#subscriptions.delete(frame.ref);
    }
    this.#group.request([frame]);
  }

  close(): void {
    this.#isClosed = true;
    this.#leave();
    this.#own?.close();
  }

  #receive(answer: StreamAnswer): void {
    if (answer.kind === "full") {
      return this.#useOwnStream();
    }
    if (answer.kind === "closed") {
      this.close();
      return this.events.onClose(answer.code, answer.reason, answer.retryAfter);
    }
    for (const frame of answer.frames) {
      if ((frame.kind === "error" || frame.kind === "unsubscribed") && frame.ref !== undefined) {
        this.#subscriptions.delete(frame.ref);
      }
    }
    this.events.onFrames(answer.frames);
  }

  #useOwnStream(): void {
    if (this.#own !== undefined || this.#isClosed) {
      return;
    }
    this.#leave();
    this.#own = new SseTransport(this.server, this.resumeAt, { ...this.events, onOpen: () => {} });
    for (const frame of this.#subscriptions.values()) {
      this.#own.send(frame);
    }
  }

  #leave(): void {
    this.#group.leave();
    this.#shared?.close();
    this.#shared = undefined;
  }

  readonly #withCursor = (frame: SubFrame): SubFrame => ({ ...frame, since: this.resumeAt(frame.ref) });
}
