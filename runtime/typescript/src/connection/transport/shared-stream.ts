import { timing } from "../../util/timing.js";
import { advance, MAX_STREAM_BYTES, MOST_CHANNELS } from "../../wire.js";
import type { ClientFrame, Cursor, MalformedFrame, ServerFrame, SubFrame } from "../../wire.js";
import { SseTransport } from "./sse.js";

type Frame = ServerFrame | MalformedFrame;

/** What the leader of a group of pages sends to one of them. */
export type StreamAnswer =
  | { readonly kind: "frames"; readonly frames: readonly Frame[] }
  | { readonly kind: "closed"; readonly code: number; readonly reason: string; readonly retryAfter?: number | undefined }
  /** The stream has no room for the page's subscriptions. */
  | { readonly kind: "full" };

/** How the leader reaches the pages. */
export interface Pages {
  answer(member: string, answer: StreamAnswer): void;
  answerAll(answer: StreamAnswer): void;
}

interface Entry {
  readonly channel: string;
  readonly bytes: number;
  cursor: Cursor | undefined;
}

/** As long as a cursor gets. */
const LONG_CURSOR = "x".repeat(128);

/** The event stream that the leader of a group of pages holds for all of them. */
export class SharedStream {
  readonly #stream: SseTransport;
  /** By the `ref` on the stream, which is a member's name, a dot and the member's own `ref`. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;
  #heardAt = -Infinity;

  constructor(
    server: URL,
    readonly pages: Pages,
  ) {
    this.#stream = new SseTransport(server, (ref) => this.#resumeAt(ref), {
      onOpen: () => {},
      onFrames: (frames) => this.#receive(frames),
      onClose: (code, reason, retryAfter) => pages.answerAll({ kind: "closed", code, reason, retryAfter }),
    });
  }

  take(member: string, frames: readonly ClientFrame[]): void {
    for (const frame of frames) {
      if (frame.kind === "alive") {
        this.#showLife(member);
      } else if (frame.kind === "unsub") {
        this.#end(`${member}.${frame.ref}`);
      } else if (frame.kind === "sub" && !this.#subscribe({ ...frame, ref: `${member}.${frame.ref}` })) {
        this.remove(member);
        return this.pages.answer(member, { kind: "full" });
      }
    }
  }

  remove(member: string): void {
    for (const ref of [...this.#entries.keys()]) {
      if (ref.startsWith(`${member}.`)) {
        this.#end(ref);
      }
    }
  }

  close(): void {
    this.#stream.close();
  }

  /** Returns `false` if the server would not take as much on one stream. */
  #subscribe(frame: SubFrame): boolean {
    const { ref, channel, since } = frame;
    const earlier = this.#entries.get(ref);
    const text = JSON.stringify({ ...frame, since: { [channel]: LONG_CURSOR } });
    const bytes = new TextEncoder().encode(text).length;
    const hasRoom = earlier !== undefined || this.#entries.size < MOST_CHANNELS;
    if (!hasRoom || this.#bytes - (earlier?.bytes ?? 0) + bytes > MAX_STREAM_BYTES) {
      return false;
    }
    this.#forget(ref);
    // What the stream has brought already is on its way to the member.
    const cursor = earlier === undefined ? since?.[channel] : earlier.cursor;
    this.#entries.set(ref, { channel, bytes, cursor });
    this.#bytes += bytes;
    this.#stream.send(frame);
    return true;
  }

  #end(ref: string): void {
    this.#forget(ref);
    this.#stream.send({ kind: "unsub", ref });
  }

  #forget(ref: string): void {
    this.#bytes -= this.#entries.get(ref)?.bytes ?? 0;
    this.#entries.delete(ref);
  }

  /** All pages ask when the network is back, and one new stream answers them. */
  #showLife(member: string): void {
    if (performance.now() - this.#heardAt < timing.fresh) {
      this.pages.answer(member, { kind: "frames", frames: [] });
    } else {
      this.#stream.send({ kind: "alive" });
    }
  }

  #resumeAt(ref: string): Readonly<Record<string, Cursor>> | undefined {
    const { channel, cursor } = this.#entries.get(ref) ?? {};
    return channel === undefined || cursor === undefined ? undefined : { [channel]: cursor };
  }

  #receive(frames: readonly Frame[]): void {
    this.#heardAt = performance.now();
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
        this.#follow(frame.ref, frame);
        const [member = "", ref = ""] = frame.ref.split(".");
        add(member, { ...frame, ref });
      }
    }
    for (const [member, batch] of batches) {
      this.pages.answer(member, { kind: "frames", frames: batch });
    }
  }

  /** Keeps the cursor that a new stream resumes from, by the rules of PROTOCOL.md. */
  #follow(ref: string, frame: ServerFrame): void {
    const entry = this.#entries.get(ref);
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
