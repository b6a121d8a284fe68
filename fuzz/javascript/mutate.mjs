// Mutations of inputs.
import { existsSync, readFileSync } from "node:fs";

const MAX_INPUT = 4096;

/** Words that are useful in inputs of every target. */
const WORDS = ['"', "{", "}", "[", "]", ":", ",", "null", "true", "0", "-1", "1e400", "\\ud800", "\\u0000", "é", "😀", "\n", "\r", "\u2028", "__proto__", "toString"];

let state = Number(process.env.FANFARE_SEED ?? Date.now()) >>> 0 || 1;

/** Returns a random number from 0 to `limit - 1`. */
export function random(limit) {
  // xorshift32, so that a seed repeats a search.
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % limit;
}

export class Mutator {
  #words = WORDS.map((word) => Buffer.from(word));

  constructor(dictionary) {
    if (!existsSync(dictionary)) return;
    const lines = readFileSync(dictionary, "utf8").split("\n");
    // The format of libFuzzer's dictionaries: a string in quotes, with `\xNN` for bytes.
    const words = lines.map((line) => /^"(.*)"$/.exec(line)?.[1]).filter((word) => word !== undefined);
    this.#words.push(...words.map((word) => Buffer.from(word.replace(/\\(x..|.)/g, (_, code) => (code[0] === "x" ? String.fromCharCode(parseInt(code.slice(1), 16)) : code)), "latin1")));
  }

  /** Returns a mutated copy of one of the inputs. */
  mutate(inputs) {
    // Prefers the latest inputs, as they reached new code.
    const latest = random(2) === 0 ? Math.min(inputs.length, 16) : inputs.length;
    let input = inputs[inputs.length - 1 - random(latest)];
    for (let changes = 1 + random(4); changes > 0; changes--) {
      input = this.#change(input, inputs);
    }
    return input.subarray(0, MAX_INPUT);
  }

  #change(input, inputs) {
    const at = random(input.length + 1);
    const end = Math.min(input.length, at + 1 + random(16));
    const [before, part, after] = [input.subarray(0, at), input.subarray(at, end), input.subarray(end)];
    switch (random(8)) {
      case 0:
        return Buffer.concat([before, after]);
      case 1:
        return Buffer.concat([before, Buffer.from([random(256)]), input.subarray(at)]);
      case 2:
        return Buffer.concat([before, Buffer.from([random(128)]), input.subarray(at + 1)]);
      case 3:
      case 4:
        return Buffer.concat([before, this.#words[random(this.#words.length)], random(2) ? input.subarray(at) : after]);
      case 5:
        return Buffer.concat([before, ...Array(1 + random(8)).fill(part), after]);
      case 6: {
        const other = inputs[random(inputs.length)];
        return Buffer.concat([before, other.subarray(random(other.length + 1))]);
      }
      default: {
        const other = inputs[random(inputs.length)];
        const from = random(other.length + 1);
        return Buffer.concat([before, other.subarray(from, from + random(32)), input.subarray(at)]);
      }
    }
  }
}
