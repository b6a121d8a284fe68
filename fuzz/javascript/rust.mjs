// Compares the verdicts on the inputs that a search kept with those of Rust.
import { spawnSync } from "node:child_process";

/** Calls `found` with an input on which Rust and zod differ. */
export function compareWithRust(target, inputs, { payload, ours }, found) {
  const judge = process.env.FANFARE_VERDICTS;
  if (target !== "js-payloads" || judge === undefined) return;
  const cases = inputs.map((input) => [input, payload(input)]).filter(([, parsed]) => parsed !== undefined);
  const lines = cases.map(([input, [name]]) => JSON.stringify([name, input.toString().slice(name.length + 1)]));
  const { stdout, status } = spawnSync(judge, { input: lines.join("\n"), encoding: "utf8", maxBuffer: 1 << 28 });
  const verdicts = stdout.split("\n").filter(Boolean).map((line) => JSON.parse(line));
  if (status !== 0 || verdicts.length !== cases.length) throw new Error(`Rust gave ${verdicts.length} verdicts of ${cases.length}`);
  for (const [index, [input, [name, value]]] of cases.entries()) {
    const { issues } = ours(name, value);
    const here = issues?.map(({ path, rule }) => `${path} ${rule}`) ?? null;
    // What Rust cannot parse, such as half of a surrogate pair, has no issues there; here it must have some.
    const agrees = verdicts[index]?.[0] === "not JSON" ? here !== null : JSON.stringify(here) === JSON.stringify(verdicts[index]);
    if (!agrees) {
      return found(input, `zod says ${JSON.stringify(here)} and Rust ${JSON.stringify(verdicts[index])}`);
    }
  }
  process.stderr.write(`compared ${cases.length} verdicts with Rust\n`);
}
