import { advance } from "../wire.js";
import type { Cursor, GapFrame, LoggedFrame, ReadyFrame } from "../wire.js";

/** How far a channel was read: where to resume, and what was had already. */
export class Reading {
  /** Undefined for a new subscriber who has not been confirmed yet. */
  cursor: Cursor | undefined;
  /**
   * The last message's id of each topic, and that of the last news of a run, which have none: what
   * was sent twice is not passed on twice.
   */
  readonly #lastIds = new Map<string | undefined, string>();
  #lastGap = "";

  constructor(since: Cursor | undefined) {
    this.cursor = since === "now" ? undefined : since;
  }

  begin(frame: ReadyFrame): void {
    this.cursor = frame.position;
  }

  /** Whether the message is a new one. */
  takes(frame: LoggedFrame): boolean {
    const { id } = frame;
    const topic = frame.kind === "run" ? undefined : frame.topic;
    this.cursor = advance(this.cursor, id);
    const lastId = this.#lastIds.get(topic);
    if (lastId !== undefined && id <= lastId) {
      return false;
    }
    this.#lastIds.set(topic, id);
    return true;
  }

  /** Whether the gap is a new one. It comes again when the connection is lost before a message follows. */
  takesGap({ after, before }: GapFrame): boolean {
    // Another server's ids may be smaller; held against the last one here, its messages were lost.
    if ([...this.#lastIds.values()].some((lastId) => lastId >= before)) {
      this.#lastIds.clear();
    }
    const gap = JSON.stringify([after, before]);
    const isNew = gap !== this.#lastGap;
    this.#lastGap = gap;
    return isNew;
  }
}
