/** An unbounded queue of values that are awaited in order. */
export class Queue<Value> {
  #values: Value[] = [];
  #takers: { resolve(value: Value | undefined): void; reject(error: Error): void }[] = [];
  #isEnded = false;
  #error: Error | undefined;

  get size(): number {
    return this.#values.length;
  }

  push(value: Value): void {
    if (this.#isEnded) {
      return;
    }
    const taker = this.#takers.shift();
    if (taker === undefined) {
      this.#values.push(value);
    } else {
      taker.resolve(value);
    }
  }

  /**
   * Returns the next value, or `undefined` after the end. Rejects once with the error that ended the
   * queue.
   */
  async take(): Promise<Value | undefined> {
    const value = this.#values.shift();
    if (value !== undefined) {
      return value;
    }
    if (!this.#isEnded) {
      return new Promise((resolve, reject) => this.#takers.push({ resolve, reject }));
    }
    const error = this.#error;
    this.#error = undefined;
    if (error !== undefined) {
      throw error;
    }
    return undefined;
  }

  /** Accepts no more values. Queued values can still be taken. */
  end(error?: Error): void {
    if (this.#isEnded) {
      return;
    }
    this.#isEnded = true;
    const [first, ...others] = this.#takers;
    this.#takers = [];
    if (first !== undefined && error !== undefined) {
      first.reject(error);
    } else {
      this.#error = error;
      first?.resolve(undefined);
    }
    for (const taker of others) {
      taker.resolve(undefined);
    }
  }

  /** Ends the queue and drops the values that were not taken. */
  clear(): void {
    this.#values = [];
    this.#error = undefined;
    this.end();
  }
}
