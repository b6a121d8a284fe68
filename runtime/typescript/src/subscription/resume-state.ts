import { advance } from "../wire.js";
import type { Cursor, GapFrame, LoggedFrame, ReadyFrame } from "../wire.js";

/** Keeps the cursor from which a subscription resumes, and drops frames that the server sends again. */
export class ResumeState {
  /** Undefined for a new subscriber that has not been confirmed yet. */
  cursor: Cursor | undefined;
  /** The last message id of each topic, and of run events, which have no topic. */
  readonly #lastIds = new Map<string | undefined, string>();
  #lastGap = "";

  constructor(since: Cursor | undefined) {
    this.cursor = since === "now" ? undefined : since;
  }

  /** Records the position that the server confirmed. */
  start(frame: ReadyFrame): void {
    this.cursor = frame.position;
  }

  /** Advances the cursor. Returns `false` if the frame was received before. */
  acceptFrame(frame: LoggedFrame): boolean {
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

  /**
   * Returns `false` if the gap was received before, as happens if the connection is lost before a
   * message follows.
   */
  acceptGap({ after, before }: GapFrame): boolean {
    // Another server's ids may be smaller. Compared with the last id here, its messages would be dropped.
    if ([...this.#lastIds.values()].some((lastId) => lastId >= before)) {
      this.#lastIds.clear();
    }
    const gap = JSON.stringify([after, before]);
    const isNew = gap !== this.#lastGap;
    this.#lastGap = gap;
    return isNew;
  }
}
