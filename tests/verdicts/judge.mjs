// Gives zod's verdict on JSON texts: reads {channel, topic, text} lines, writes {valid, value | issues} lines,
// with the value as JSON text.
//
//   node judge.mjs <folder of generated TypeScript> <cases> <verdicts>
import { readFileSync, writeFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";

const [generated, cases, verdicts] = process.argv.slice(2);
const root = resolve(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "fanfare-verdicts-"));

try {
  const bundle = join(folder, "channels.mjs");
  await build({
    entryPoints: [join(generated, "index.ts")],
    bundle: true,
    format: "esm",
    platform: "node",
    outfile: bundle,
    nodePaths: [join(root, "node_modules")],
    logLevel: "error",
  });
  const channels = await import(pathToFileURL(bundle).href);
  const lines = readFileSync(cases, "utf8").split("\n").filter(Boolean);
  writeFileSync(verdicts, lines.map((line) => JSON.stringify(judge(channels, JSON.parse(line)))).join("\n"));
} finally {
  rmSync(folder, { recursive: true });
}

function judge(channels, { channel, topic, text }) {
  let input;
  try {
    input = JSON.parse(text);
  } catch (error) {
    return { valid: false, issues: [String(error)] };
  }
  const result = channels[channel].topics[topic].schema["~standard"].validate(input);
  if (result instanceof Promise) throw new Error("a generated validator is asynchronous");
  return result.issues
    ? { valid: false, issues: result.issues.map((issue) => `${issue.path?.join("/") ?? ""}: ${issue.message}`.toWellFormed()) }
    : { valid: true, value: JSON.stringify(result.value, plain) };
}

/** A bigint travels as a string of digits. */
function plain(_key, value) {
  return typeof value === "bigint" ? value.toString() : value;
}
