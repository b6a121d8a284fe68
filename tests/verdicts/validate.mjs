// Validates JSON texts with generated TypeScript. Reads lines {channel, topic, text} and writes lines {value | issues | failed}, with the
// value as JSON text.
//
//   node validate.mjs <folder of generated TypeScript> <validators, zod or zod-mini> <cases> <verdicts>
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";

/** An esbuild plugin that makes the generated channels import the validators of `library`. */
const selectLibrary = {
  name: "select-library",
  setup(build) {
    build.onResolve({ filter: /\.validators\.js$/ }, ({ path, importer }) => ({
      path: join(dirname(importer), path.replace(/\.validators\.js$/, `.${library}.js`)),
    }));
    build.onResolve({ filter: /^fanfare\/validators$/ }, ({ path, resolveDir, kind, pluginData }) =>
      pluginData === "resolved" ? undefined : build.resolve(`fanfare/${library}`, { resolveDir, kind, pluginData: "resolved" }),
    );
  },
};

const [generated, library, casesFile, verdictsFile] = process.argv.slice(2);
const root = resolve(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "fanfare-verdicts-"));

try {
  const cases = readFileSync(casesFile, "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line));
  const names = [...new Set(cases.map(({ channel }) => channel))];
  await bundle(names);
  const { issues, payloadIssue } = await load("issues");
  const channels = new Map();
  for (const name of names) {
    // The other modules are used even if one cannot be loaded.
    channels.set(name, await load(name).catch((error) => ({ failed: `cannot load the module: ${error}` })));
  }
  const verdicts = cases.map((one) => JSON.stringify(validate(channels.get(one.channel), one, { issues, payloadIssue })));
  writeFileSync(verdictsFile, verdicts.join("\n"));
} finally {
  rmSync(folder, { recursive: true });
}

/** Bundles one module per channel, and further modules for shared code. */
async function bundle(names) {
  writeFileSync(join(folder, "issues.ts"), library === "validators"
    ? `export { payloadIssue } from ${JSON.stringify(join(root, "runtime/typescript/src/validate/standard-schema.ts"))};`
    : `export { issues } from "fanfare/${library}";`);
  const entries = names.map((name) => [name, join(resolve(generated), `${name}.js`)]);
  await build({
    entryPoints: Object.fromEntries([["issues", join(folder, "issues.ts")], ...entries]),
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    outdir: join(folder, "bundled"),
    outExtension: { ".js": ".mjs" },
    nodePaths: [join(root, "node_modules")],
    logLevel: "error",
    plugins: [selectLibrary],
  });
}

function load(name) {
  return import(pathToFileURL(join(folder, "bundled", `${name}.mjs`)).href);
}

function validate(module, { channel, topic, text }, { issues, payloadIssue }) {
  if (module.failed) return { failed: module.failed };
  let input;
  try {
    input = JSON.parse(text);
  } catch (error) {
    return { issues: [], failed: `not JSON: ${error}` };
  }
  try {
    const schema = module[channel].topics[topic].schema;
    const standard = schema["~standard"].validate(input);
    if (standard instanceof Promise) return { failed: "the validator is asynchronous" };
    if (library === "validators") {
      return standard.issues
        ? { issues: standard.issues.map((issue) => describe(payloadIssue(issue))) }
        : { value: JSON.stringify(standard.value, plain) };
    }
    const result = schema.safeParse(input);
    if (result.success === Boolean(standard.issues)) return { failed: "safeParse and ~standard differ" };
    return result.success
      ? { value: JSON.stringify(result.data, plain) }
      : { issues: issues(result.error).map(describe) };
  } catch (error) {
    return { failed: `the validator threw ${error}` };
  }
}

/** Adds the text of an issue. */
function describe({ path, rule, message, value }) {
  const got = value === undefined ? "" : `, got ${value}`;
  const text = `${path === "" ? "the value" : path} ${message}${got}`;
  return { path: path.toWellFormed(), rule, message: message.toWellFormed(), text: text.toWellFormed() };
}

/** Converts bigints to strings, as JSON has none. */
function plain(_key, value) {
  return typeof value === "bigint" ? value.toString() : value;
}
