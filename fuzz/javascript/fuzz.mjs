// A coverage-guided fuzzer for the TypeScript client. `cargo xtask fuzz` starts it:
//
//   node fuzz.mjs <target> <output folder> <seconds> [one input to check instead of searching]
//
// V8 counts how often each block ran (`node:inspector`), so this needs no dependency. Jazzer.js is maintained, but it
// brings a native fuzzer as a binary and instruments CommonJS, and this client consists of ES modules.
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

/** How many inputs are checked before the coverage is read. Reading it takes longer than checking an input. */
const BATCH = 64;

/** The error of the last failing input. */
let lastError = "";

const [target, folder, seconds, single] = process.argv.slice(2);
const here = import.meta.dirname;
const bundle = bundleTargets();
const client = await import(bundle);

if (single !== undefined) {
  check(readFileSync(single));
} else {
  search();
}

/** Bundles the targets in another process, as coverage includes all code that ran. Returns the URL of the script. */
function bundleTargets() {
  const script = resolve(folder, "javascript/targets.mjs");
  const { status } = spawnSync(process.execPath, [join(here, "bundle.mjs"), script, join(folder, "generated/typescript")], {
    stdio: "inherit",
  });
  if (status !== 0) throw new Error("cannot bundle the targets");
  return pathToFileURL(script).href;
}

/** Checks one input. Throws if a guarantee does not hold for it, or if it takes too long. */
function check(input) {
  const start = process.cpuUsage();
  client.targets[target](input);
  const { user, system } = process.cpuUsage(start);
  const time = (user + system) / 1000;
  if (time > MAX_TIME) {
    throw new Error(`took ${time} ms, expected at most ${MAX_TIME} ms`);
  }
}

function search() {
  const coverage = new Coverage(bundle);
  const inputs = [];
  const seeds = join(here, "../corpus", target);
  const end = Date.now() + 1000 * Number(seconds);
  const mutator = new Mutator(join(here, "../dictionaries", `${target}.dict`));
  let executions = 0;
  const start = Date.now();

  /** Checks an input, and keeps it if it reaches new code. Returns whether it passed. */
  const run = (input) => {
    executions++;
    if (!passes(input)) return false;
    if (coverage.grew()) {
      inputs.push(input);
      process.stderr.write(`#${executions} NEW cov: ${coverage.size} corp: ${inputs.length}\n`);
    }
    return true;
  };

  for (const name of readdirSync(seeds).sort()) {
    const input = readFileSync(join(seeds, name));
    if (!run(input)) return report(input, executions);
    // Seeds are always mutated, even if they reach no new code.
    if (!inputs.includes(input)) inputs.push(input);
  }
  while (Date.now() < end) {
    const batch = Array.from({ length: BATCH }, () => mutator.mutate(inputs));
    const failing = batch.find((input) => !passes(input));
    executions += BATCH;
    if (failing) return report(failing, executions);
    if (coverage.grew(false)) {
      for (const input of batch) run(input);
    }
  }
  const rate = Math.round((1000 * executions) / (Date.now() - start));
  process.stderr.write(`stat::number_of_executed_units: ${executions}\nstat::average_exec_per_sec: ${rate}\n`);
  compareWithRust(target, inputs, client, (input, message) => save(input, executions, message));
}

function passes(input) {
  try {
    check(input);
    return true;
  } catch (error) {
    const lines = String(error?.stack ?? error).split("\n");
    lastError = lines.filter((line) => line.trim() !== "").slice(0, 4).join(" ");
    return false;
  }
}

/** Minimizes a failing input and saves it. */
function report(input, executions) {
  const message = lastError;
  save(minimize(input), executions, message);
}

function save(input, executions, message) {
  const findings = join(folder, "findings", target);
  mkdirSync(findings, { recursive: true });
  const path = join(findings, `crash-${createHash("sha1").update(input).digest("hex")}`);
  writeFileSync(path, input);
  process.stderr.write(`#${executions} DONE cov: 0\nError: ${message}\nTest unit written to ${path}\n`);
  process.exitCode = 1;
}

/** Removes parts of a failing input as long as the rest still fails, for at most ten seconds. */
function minimize(input) {
  const end = Date.now() + 10_000;
  let smallest = input;
  for (let size = Math.ceil(smallest.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < smallest.length && Date.now() < end; ) {
      const shorter = Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + size)]);
      if (shorter.length < smallest.length && !passes(shorter)) smallest = shorter;
      else at += size;
    }
  }
  return smallest;
}
