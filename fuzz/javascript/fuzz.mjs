// Searches for inputs that break a promise of the client, guided by V8's coverage. `cargo xtask fuzz` starts it:
//
//   node fuzz.mjs <target> <folder for what it makes> <seconds> [one input to check in place of a search]
//
// V8 counts how often each block ran (`node:inspector`), so this needs no dependency. Jazzer.js is kept, but it brings
// a native fuzzer as a binary and instruments CommonJS; this client is ES modules.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Coverage } from "./coverage.mjs";
import { Mutator } from "./mutate.mjs";
import { compareWithRust } from "./rust.mjs";

/** How long one input may take, in milliseconds of CPU time. */
const MAX_TIME = 1000;

/** How many inputs are checked before the coverage is read, which takes longer than an input. */
const BATCH = 64;

/** What the last failing input broke. */
let reason = "";

const [target, folder, seconds, single] = process.argv.slice(2);
const here = import.meta.dirname;
const bundle = bundled();
const client = await import(bundle);
const check = client.targets[target];

if (single !== undefined) {
  checked(readFileSync(single));
} else {
  search();
}

/** Returns the URL of the script. Another process bundles it: coverage is read of all code that a process runs. */
function bundled() {
  const script = resolve(folder, "javascript/targets.mjs");
  const { status } = spawnSync(process.execPath, [join(here, "bundle.mjs"), script, join(folder, "generated/typescript")], {
    stdio: "inherit",
  });
  if (status !== 0) throw new Error("the targets cannot be bundled");
  return pathToFileURL(script).href;
}

/** Checks one input. Throws where a promise is broken. */
function checked(input) {
  const begun = process.cpuUsage();
  check(input);
  const { user, system } = process.cpuUsage(begun);
  const time = (user + system) / 1000;
  if (time > MAX_TIME) {
    throw new Error(`took ${time} ms, which is more than ${MAX_TIME} ms`);
  }
}

function search() {
  const coverage = new Coverage(bundle);
  const inputs = [];
  const seeds = join(here, "../corpus", target);
  const end = Date.now() + 1000 * Number(seconds);
  const mutator = new Mutator(join(here, "../dictionaries", `${target}.dict`));
  let executions = 0;
  const begun = Date.now();

  /** Keeps an input that reaches what none before it did. */
  const tried = (input) => {
    executions++;
    if (!survives(input)) return false;
    if (coverage.grew()) {
      inputs.push(input);
      process.stderr.write(`#${executions} NEW cov: ${coverage.size} corp: ${inputs.length}\n`);
    }
    return true;
  };

  for (const name of readdirSync(seeds).sort()) {
    const input = readFileSync(join(seeds, name));
    if (!tried(input)) return found(input, executions);
    // A seed is worth mutating whatever it reaches.
    if (!inputs.includes(input)) inputs.push(input);
  }
  while (Date.now() < end) {
    const batch = Array.from({ length: BATCH }, () => mutator.mutate(inputs));
    const failing = batch.find((input) => !survives(input));
    executions += BATCH;
    if (failing) return found(failing, executions);
    if (coverage.grew(false)) {
      for (const input of batch) tried(input);
    }
  }
  const rate = Math.round((1000 * executions) / (Date.now() - begun));
  process.stderr.write(`stat::number_of_executed_units: ${executions}\nstat::average_exec_per_sec: ${rate}\n`);
  compareWithRust(target, inputs, client, (input, why) => save(input, executions, why));
}

function survives(input) {
  try {
    checked(input);
    return true;
  } catch (error) {
    const lines = String(error?.stack ?? error).split("\n");
    reason = lines.filter((line) => line.trim() !== "").slice(0, 4).join(" ");
    return false;
  }
}

/** Makes a failing input smaller and saves it. */
function found(input, executions) {
  const why = reason;
  save(smaller(input), executions, why);
}

function save(small, executions, why) {
  const findings = join(folder, "findings", target);
  mkdirSync(findings, { recursive: true });
  const path = join(findings, `crash-${createHash("sha1").update(small).digest("hex")}`);
  writeFileSync(path, small);
  process.stderr.write(`#${executions} DONE cov: 0\nError: ${why}\nTest unit written to ${path}\n`);
  process.exitCode = 1;
}

/** Leaves out pieces as long as what remains fails, for ten seconds at most. */
function smaller(input) {
  const end = Date.now() + 10_000;
  let small = input;
  for (let size = Math.ceil(small.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < small.length && Date.now() < end; ) {
      const less = Buffer.concat([small.subarray(0, at), small.subarray(at + size)]);
      if (less.length < small.length && !survives(less)) small = less;
      else at += size;
    }
  }
  return small;
}
