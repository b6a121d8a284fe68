import { deadline } from "../util/deadline.js";
import { timing } from "../util/timing.js";

/** A sign of life may be late by this share of its interval, and by no less than this time. */
const SLACK = 0.2;
const MIN_SLACK_MS = 100;

/**
 * Notices when a connection is dead, as a network that swallows everything closes nothing. When
 * the server is late with its sign of life it is asked for one, and given up if it does not answer.
 */
export class Liveness {
  /** How long the server may be silent before it is asked. */
  #maxSilence = 0;
  #heardAt = 0;
  /** Undefined unless an answer is due. */
  #askedAt: number | undefined;
  #cancel = (): void => {};

  constructor(
    readonly onAsk: () => void,
    readonly onSilent: () => void,
  ) {}

  /** The server is to be heard within so many milliseconds. */
  start(nextIn: number): void {
    this.heard();
    this.expect(nextIn);
  }

  stop(): void {
    this.#cancel();
  }

  /** Called for every message, which is too often to set a timer. */
  heard(): void {
    this.#heardAt = performance.now();
  }

  /** What was heard is the answer that was asked for. */
  answered(): void {
    this.#askedAt = undefined;
  }

  /** The server has said within how many milliseconds it is heard again. */
  expect(nextIn: number): void {
    this.answered();
    this.#maxSilence = nextIn + Math.max(SLACK * nextIn, MIN_SLACK_MS);
    this.#watch();
  }

  /** Asks the server whether it is there. */
  ask(): void {
    if (this.#askedAt === undefined) {
      this.#askedAt = performance.now();
      this.#watch();
    }
    this.onAsk();
  }

  #watch(): void {
    this.#cancel();
    this.#cancel = deadline(this.#due() - performance.now() + 1, () => {
      if (performance.now() < this.#due()) {
        return this.#watch();
      }
      return this.#askedAt === undefined ? this.ask() : this.onSilent();
    });
  }

  /**
   * What is heard after asking may have been on its way since before the network died. But the
   * answer may be behind it, so it has its full time again.
   */
  #due(): number {
    return this.#askedAt === undefined
      ? this.#heardAt + this.#maxSilence
      : Math.max(this.#askedAt, this.#heardAt) + timing.probe;
  }
}
