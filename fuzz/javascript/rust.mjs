// Compares zod's verdicts on the inputs that a search kept with those of Rust.
import { spawnSync } from "node:child_process";

/** Calls `report` with the first input on which Rust and zod differ. */
export function compareWithRust(target, inputs, { payload, zodVerdict }, report) {
  const rust = process.env.FANFARE_VERDICTS;
  if (target !== "js-payloads" || rust === undefined) return;
  const cases = inputs.map((input) => [input, payload(input)]).filter(([, parsed]) => parsed !== undefined);
  const lines = cases.map(([input, [name]]) => JSON.stringify([name, input.toString().slice(name.length + 1)]));
  const { stdout, status } = spawnSync(rust, { input: lines.join("\n"), encoding: "utf8", maxBuffer: 1 << 28 });
  const verdicts = stdout.split("\n").filter(Boolean).map((line) => JSON.parse(line));
  if (status !== 0 || verdicts.length !== cases.length) throw new Error(`expected ${cases.length} verdicts from Rust, got ${verdicts.length}`);
  for (const [index, [input, [name, value]]] of cases.entries()) {
    const { issues } = zodVerdict(name, value);
    const ours = issues?.map(({ path, rule }) => `${path} ${rule}`) ?? null;
    const theirs = verdicts[index];
    // Rust cannot parse some texts, such as half of a surrogate pair. zod must then refuse the value.
    const agrees = theirs?.[0] === "not JSON" ? ours !== null : JSON.stringify(ours) === JSON.stringify(theirs);
    if (!agrees) {
      return report(input, `the issues differ: ${JSON.stringify(ours)} from zod, ${JSON.stringify(theirs)} from Rust`);
    }
  }
  process.stderr.write(`compared ${cases.length} verdicts with Rust\n`);
}
