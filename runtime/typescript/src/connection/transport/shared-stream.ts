import { timing } from "../../util/timing.js";
import { advance, MAX_CHANNELS, MAX_SSE_BODY } from "../../wire.js";
import type { ClientFrame, Cursor, MalformedFrame, ServerFrame, SubFrame } from "../../wire.js";
import { SseTransport } from "./sse.js";

type Frame = ServerFrame | MalformedFrame;

/** A message from the leader of a group of pages to a member. */
export type StreamAnswer =
  | { readonly kind: "frames"; readonly frames: readonly Frame[] }
  | { readonly kind: "closed"; readonly code: number; readonly reason: string; readonly retryAfter?: number | undefined }
  /** The stream cannot take the page's subscriptions. */
  | { readonly kind: "full" };

/** Sends answers to the pages of the group. */
export interface PageSender {
  answer(member: string, answer: StreamAnswer): void;
  answerAll(answer: StreamAnswer): void;
}

interface StreamSubscription {
  readonly channel: string;
  readonly bytes: number;
  cursor: Cursor | undefined;
}

/** A placeholder as long as the longest cursor. */
const CURSOR_PLACEHOLDER = "x".repeat(128);

/** The event stream that the leader of a group of pages holds for all of them. */
export class SharedStream {
  readonly #stream: SseTransport;
  /** Subscriptions by their `ref` on the stream: a member's id, a dot and the member's own `ref`. */
  readonly #subscriptions = new Map<string, StreamSubscription>();
  #bytes = 0;
  #receivedAt = -Infinity;

  constructor(
    server: URL,
    readonly pages: PageSender,
  ) {
    this.#stream = new SseTransport(server, (ref) => this.#resumeAt(ref), {
      onOpen: () => {},
      onFrames: (frames) => this.#receive(frames),
      onClose: (code, reason, retryAfter) => pages.answerAll({ kind: "closed", code, reason, retryAfter }),
    });
  }

  /** Handles the frames of a member. */
  handle(member: string, frames: readonly ClientFrame[]): void {
    for (const frame of frames) {
      if (frame.kind === "alive") {
        this.#answerProbe(member);
      } else if (frame.kind === "unsub") {
        this.#unsubscribe(`${member}.${frame.ref}`);
      } else if (frame.kind === "sub" && !this.#subscribe({ ...frame, ref: `${member}.${frame.ref}` })) {
        this.remove(member);
        return this.pages.answer(member, { kind: "full" });
      }
    }
  }

  remove(member: string): void {
    for (const ref of [...this.#subscriptions.keys()]) {
      if (ref.startsWith(`${member}.`)) {
        this.#unsubscribe(ref);
      }
    }
  }

  close(): void {
    this.#stream.close();
  }

  /** Returns `false` if the subscription exceeds the limits of one stream. */
  #subscribe(frame: SubFrame): boolean {
    const { ref, channel, since } = frame;
    const earlier = this.#subscriptions.get(ref);
    const text = JSON.stringify({ ...frame, since: { [channel]: CURSOR_PLACEHOLDER } });
    const bytes = new TextEncoder().encode(text).length;
    const hasRoom = earlier !== undefined || this.#subscriptions.size < MAX_CHANNELS;
    if (!hasRoom || this.#bytes - (earlier?.bytes ?? 0) + bytes > MAX_SSE_BODY) {
      return false;
    }
    this.#forget(ref);
    // Frames that the stream has already received are on their way to the member.
    const cursor = earlier === undefined ? since?.[channel] : earlier.cursor;
    this.#subscriptions.set(ref, { channel, bytes, cursor });
    this.#bytes += bytes;
    this.#stream.send(frame);
    return true;
  }

  #unsubscribe(ref: string): void {
    this.#forget(ref);
    this.#stream.send({ kind: "unsub", ref });
  }

  #forget(ref: string): void {
    this.#bytes -= this.#subscriptions.get(ref)?.bytes ?? 0;
    this.#subscriptions.delete(ref);
  }

  /** All pages probe when the network returns; reopening the stream once answers them all. */
  #answerProbe(member: string): void {
    if (performance.now() - this.#receivedAt < timing.minRestartAge) {
      this.pages.answer(member, { kind: "frames", frames: [] });
    } else {
      this.#stream.send({ kind: "alive" });
    }
  }

  #resumeAt(ref: string): Readonly<Record<string, Cursor>> | undefined {
    const { channel, cursor } = this.#subscriptions.get(ref) ?? {};
    return channel === undefined || cursor === undefined ? undefined : { [channel]: cursor };
  }

  #receive(frames: readonly Frame[]): void {
    this.#receivedAt = performance.now();
    const batches = new Map<string, Frame[]>();
    const add = (member: string, frame: Frame) => {
      const batch = batches.get(member) ?? [];
      batch.push(frame);
      batches.set(member, batch);
    };
    for (const frame of frames) {
      if (!("ref" in frame) || frame.ref === undefined) {
        this.pages.answerAll({ kind: "frames", frames: [frame] });
      } else {
        this.#advance(frame.ref, frame);
        const [member = "", ref = ""] = frame.ref.split(".");
        add(member, { ...frame, ref });
      }
    }
    for (const [member, batch] of batches) {
      this.pages.answer(member, { kind: "frames", frames: batch });
    }
  }

  /** Advances the cursor that the next stream resumes from, by the rules of PROTOCOL.md. */
  #advance(ref: string, frame: ServerFrame): void {
    const entry = this.#subscriptions.get(ref);
    if (frame.kind === "error" || frame.kind === "unsubscribed") {
      this.#forget(ref);
    } else if (entry !== undefined && "channel" in frame && frame.channel === entry.channel) {
      if (frame.kind === "ready") {
        entry.cursor = frame.position;
      } else if ("id" in frame) {
        entry.cursor = advance(entry.cursor, frame.id);
      }
    }
  }
}
