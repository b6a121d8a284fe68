import { deadline } from "../util/deadline.js";
import { timing } from "../util/timing.js";

/** A heartbeat may be late by this share of its interval, and by at least this time. */
const SLACK = 0.2;
const MIN_SLACK_MS = 100;

/**
 * Detects a dead connection: a network that drops all packets closes nothing. If the server's
 * heartbeat is late, it is probed; if it does not answer the probe, the connection is reopened.
 */
export class Heartbeat {
  /** How long the server may be silent before it is probed. */
  #maxSilence = 0;
  #receivedAt = 0;
  /** When a probe was sent that has not been answered. */
  #probedAt: number | undefined;
  #cancel = (): void => {};

  constructor(
    readonly onProbe: () => void,
    readonly onTimeout: () => void,
  ) {}

  /** Starts watching. The first frame must arrive within `nextIn` milliseconds. */
  start(nextIn: number): void {
    this.recordFrame();
    this.expectWithin(nextIn);
  }

  stop(): void {
    this.#cancel();
  }

  /** Records that a frame arrived. Sets no timer because it is called for every frame. */
  recordFrame(): void {
    this.#receivedAt = performance.now();
  }

  /** Records that the frame that arrived answers the probe. */
  recordAnswer(): void {
    this.#probedAt = undefined;
  }

  /** Records a heartbeat, which names the time until the next one. */
  expectWithin(nextIn: number): void {
    this.recordAnswer();
    this.#maxSilence = nextIn + Math.max(SLACK * nextIn, MIN_SLACK_MS);
    this.#watch();
  }

  /** Asks the server for a heartbeat. */
  probe(): void {
    if (this.#probedAt === undefined) {
      this.#probedAt = performance.now();
      this.#watch();
    }
    this.onProbe();
  }

  #watch(): void {
    this.#cancel();
    this.#cancel = deadline(this.#due() - performance.now() + 1, () => {
      if (performance.now() < this.#due()) {
        return this.#watch();
      }
      return this.#probedAt === undefined ? this.probe() : this.onTimeout();
    });
  }

  /**
   * A frame that arrives after the probe may have been in flight since before the network died, so
   * it is not an answer. The answer may follow it, so the timeout starts again.
   */
  #due(): number {
    return this.#probedAt === undefined
      ? this.#receivedAt + this.#maxSilence
      : Math.max(this.#probedAt, this.#receivedAt) + timing.probeTimeout;
  }
}
