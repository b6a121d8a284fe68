// What ran, as V8 counts it.
import { Session } from "node:inspector";

/** Blocks of the code that ran, and how often, in powers of two. */
export class Coverage {
  #session = new Session();
  #seen = new Set();
  #script;

  /** Counts what runs in one script. */
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

  /** Whether something ran since the last call that never did before. Remembers it unless `keep` is false. */
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
