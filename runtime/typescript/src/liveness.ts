import { timing } from "./timing.js";

/** However often a server says that it shows itself, a moment's silence is no reason to leave. */
const SHORTEST_SILENCE_MS = 100;
/** Beyond this, timers fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A dead network closes no connection. This tells when one has been silent for too long. */
export class Liveness {
  #longestSilence = timing.silence;
  #heardAt = 0;
  /** Until when an answer is due that was asked for. */
  #probeEnd = Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly onSilent: () => void) {}

  start(): void {
    this.#longestSilence = timing.silence;
    this.answered();
    this.heard();
    this.#watch();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** Called for every message, which is too often to set a timer. */
  heard(): void {
    this.#heardAt = performance.now();
    if (this.#probeEnd !== Infinity) {
      // It may have been on its way since before the network died. But the answer may be behind it.
      this.#probeEnd = this.#heardAt + timing.probe;
    }
  }

  /** The server has answered who asked whether it is there. */
  answered(): void {
    this.#probeEnd = Infinity;
  }

  /** The server will be heard of within so many milliseconds. */
  expect(nextIn: number): void {
    this.answered();
    this.#longestSilence = Math.max(SHORTEST_SILENCE_MS, 2.5 * nextIn);
    this.#watch();
  }

  /** The server was asked whether it is there. */
  probe(): void {
    this.#probeEnd = Math.min(this.#probeEnd, performance.now() + timing.probe);
    this.#watch();
  }

  #watch(): void {
    clearTimeout(this.#timer);
    const rest = this.#end() - performance.now();
    this.#timer = setTimeout(
      () => {
        const isDue = performance.now() >= this.#end();
        return isDue ? this.onSilent() : this.#watch();
      },
      Math.min(rest + 1, LONGEST_TIMER_MS),
    );
  }

  #end(): number {
    return Math.min(this.#heardAt + this.#longestSilence, this.#probeEnd);
  }
}
