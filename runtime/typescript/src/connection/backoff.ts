/** The shortest and the longest wait. */
export interface Waits {
  readonly min: number;
  readonly max: number;
}

/** How long to wait before the next attempt: each time twice as long, and scattered. */
export class Backoff {
  #failures = 0;
  /** How long the last attempt was put off. */
  waited = 0;

  /** Waits `atLeast` as long, too, and then as long as to scatter the clients that were told the same. */
  next({ min, max }: Waits, atLeast = 0): number {
    const longest = Math.min(max, min * 2 ** this.#failures);
    this.#failures += 1;
    this.waited = longest / 2 + (Math.random() * longest) / 2;
    if (this.waited < atLeast) {
      this.waited = atLeast + Math.random() * min;
    }
    return this.waited;
  }

  reset(): void {
    this.#failures = 0;
    this.waited = 0;
  }
}
