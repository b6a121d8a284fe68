import type { ChannelInput, Retain } from "../channel/channel.js";
import type { DriftReport } from "../wire.js";

/** A frame of a channel's log, without its channel and id. */
export type LogFrame = Readonly<Record<string, unknown>> & { readonly kind: string; readonly topic?: string };

interface Entry {
  readonly id: string;
  readonly frame: LogFrame;
}

/** The limit of `retain: all`. */
const RETAIN_ALL = 1000;

/** The messages and run events of one channel, as a server has them. The history of a test has no limit. */
export class ChannelLog {
  /** The drift that subscribers with the definition of the test receive. */
  drift: DriftReport | undefined;
  readonly #entries: Entry[] = [];
  readonly #retain = new Map<string, Retain>();
  #lastOffset = 0;

  constructor(readonly name: string) {}

  /** Learns what the channel's topics retain. */
  learn(channel: ChannelInput): void {
    if (typeof channel === "object") {
      for (const [topic, { retain }] of Object.entries(channel.topics) as [string, { readonly retain?: Retain }][]) {
        if (retain !== undefined) {
          this.#retain.set(topic, retain);
        }
      }
    }
  }

  /** The id of the last entry. */
  get end(): string {
    return idOf(this.#lastOffset);
  }

  /** Appends a frame and returns it with its envelope. */
  append(frame: LogFrame): LogFrame {
    this.#lastOffset += 1;
    const id = this.end;
    const entry = { id, frame: { channel: this.name, id, created_at: new Date().toISOString(), ...frame } };
    this.#entries.push(entry);
    return entry.frame;
  }

  /** Loses messages, and returns the frame that reports it. Subscribers that resume receive it in its place. */
  lose(count: number): LogFrame {
    const after = this.end;
    this.#lastOffset += count;
    const frame = { kind: "gap", channel: this.name, after, before: idOf(this.#lastOffset + 1) };
    this.#entries.push({ id: this.end, frame });
    return frame;
  }

  /** Returns the position of a subscriber that begins at a cursor, and the frames that it receives. */
  read(cursor: string | undefined): { readonly position: string; readonly frames: readonly LogFrame[] } {
    if (cursor === undefined) {
      const retained = this.#retained();
      return { position: retained.length === 0 ? this.end : `${this.end}~`, frames: retained.map(({ frame }) => frame) };
    }
    const [joined = "", received] = cursor.split("~");
    const isNew = cursor === "start";
    // A cursor with `~` is between two retained messages.
    const retained = received === undefined ? [] : this.#retained().filter(({ id }) => id > received && id <= joined);
    const later = this.#entries.filter(({ id, frame }) => (isNew ? frame.kind !== "gap" : id > joined));
    return { position: cursor, frames: [...retained, ...later].map(({ frame }) => frame) };
  }

  /** Returns what a new subscriber receives: what the topics retain, and the last run event. */
  #retained(): readonly Entry[] {
    const kept = new Set<Entry | undefined>([this.#entries.findLast(({ frame }) => frame.kind === "run")]);
    for (const [topic, retain] of this.#retain) {
      const ofTopic = this.#entries.filter(({ frame }) => frame.topic === topic);
      const heads = ofTopic.filter(({ frame }) => frame.kind === "data" || frame.kind === "datastream-start");
      const count = retain === "last" ? 1 : retain === "all" ? RETAIN_ALL : retain;
      const latest = heads.slice(-count);
      const streams = latest.map(({ frame }) => frame.kind === "datastream-start" && frame["data"]);
      const isPart = ({ frame }: Entry) =>
        (frame.kind === "chunk" && streams.includes(frame["stream_id"] as string)) ||
        (frame.kind === "datastream-end" && streams.includes(frame["data"] as string));
      for (const entry of [...latest, ...ofTopic.filter(isPart)]) {
        kept.add(entry);
      }
    }
    return this.#entries.filter((entry) => kept.has(entry));
  }
}

/** Ids have one length, so that they compare as text. */
function idOf(offset: number): string {
  return `000000001-${offset.toString(36).padStart(9, "0")}`;
}
