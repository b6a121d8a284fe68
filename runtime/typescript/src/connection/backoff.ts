/** The shortest and the longest delay between attempts, in milliseconds. */
export interface DelayRange {
  readonly min: number;
  readonly max: number;
}

/** Computes the delay before the next attempt: it doubles each time, with jitter. */
export class Backoff {
  #failures = 0;
  /** The delay that `next` returned last. */
  lastDelay = 0;

  /**
   * Returns the next delay. It is at least `atLeast`, which a server may have given to all its
   * clients; jitter then spreads them.
   */
  next({ min, max }: DelayRange, atLeast = 0): number {
    const limit = Math.min(max, min * 2 ** this.#failures);
    this.#failures += 1;
    this.lastDelay = limit / 2 + (Math.random() * limit) / 2;
    if (this.lastDelay < atLeast) {
      this.lastDelay = atLeast + Math.random() * min;
    }
    return this.lastDelay;
  }

  reset(): void {
    this.#failures = 0;
    this.lastDelay = 0;
  }
}
