// Code coverage from V8's profiler.
import { Session } from "node:inspector";

/** The blocks of code that ran, each with how often, in powers of two. */
export class Coverage {
  #session = new Session();
  #seen = new Set();
  #script;

  /** Starts to count for one script. */
  constructor(script) {
    this.#script = script;
    this.#session.connect();
    this.#session.post("Profiler.enable");
    this.#session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
    this.#take();
  }

  get size() {
    return this.#seen.size;
  }

  /** Returns whether a block ran since the last call that never ran before. Remembers it unless `keep` is false. */
  grew(keep = true) {
    let grew = false;
    for (const block of this.#take()) {
      if (this.#seen.has(block)) continue;
      grew = true;
      if (keep) this.#seen.add(block);
    }
    return grew;
  }

  #take() {
    const blocks = [];
    this.#session.post("Profiler.takePreciseCoverage", (error, answer) => {
      if (error) throw error;
      const script = answer.result.find(({ url }) => url === this.#script);
      for (const { ranges } of script?.functions ?? []) {
        for (const { startOffset, endOffset, count } of ranges) {
          if (count > 0) blocks.push(`${startOffset}-${endOffset}:${Math.min(Math.floor(Math.log2(count)), 7)}`);
        }
      }
    });
    return blocks;
  }
}
