// Measures how fast generated zod validators check payloads, compared with their peers. Prints one line per
// measurement: payload, title, nanoseconds.
//
// Usage: node measure.mjs <generated> <payloads> <rounds> <eval or no-eval> <scratch>
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { createRequire } from "node:module";

const [generated, payloads, rounds, mode, scratch] = process.argv.slice(2);
const here = import.meta.dirname;
const root = resolve(here, "../..");
const { build } = createRequire(join(root, "package.json"))("esbuild");

/** How long each contestant runs per round, in milliseconds. */
const ROUND = 100;

const { z, fanfare, plain, byHand, fromSchema, Ajv, addFormats } = await load();
for (const payload of ["progress", "order", "archive"]) {
  const text = readFileSync(join(payloads, `${payload}.json`), "utf8");
  const value = JSON.parse(text);
  measure(payload, contestants(payload, text, value));
}

/** Returns the contestants, as functions that return `true` if the payload is valid. */
function contestants(payload, text, value) {
  const schema = JSON.parse(readFileSync(join(generated, "json-schema/shop", `${payload}.json`), "utf8"));
  const zod = (schema) => () => schema.safeParse(value).success;
  const all = [
    ["generated zod", zod(fanfare.shop.topics[payload].schema)],
    ["generated channel", () => plain.shop.topics[payload].schema["~standard"].validate(value).issues === undefined],
    ["zod by hand", zod(byHand[payload])],
    ["z.fromJSONSchema", zod(z.fromJSONSchema(schema))],
  ];
  if (mode !== "eval") return all;
  const ajv = new Ajv({ strict: false });
  addFormats(ajv);
  const compiled = ajv.compile(schema);
  return [
    ...all,
    ["json-schema-to-zod", zod(fromSchema[payload])],
    ["ajv, compiled", () => compiled(value)],
    ["JSON.parse alone", () => JSON.parse(text) !== undefined],
  ];
}

/** Prints the time of each contestant in each round. Every round runs each once. */
function measure(payload, contestants) {
  for (let round = 0; round < Number(rounds); round++) {
    for (const [title, work] of contestants) {
      if (!work()) throw new Error(`${title} rejects a valid payload`);
      console.log(`${payload}\t${mode === "eval" ? title : `${title}, without eval`}\t${nanoseconds(work).toFixed(1)}`);
    }
  }
}

function nanoseconds(work) {
  const start = performance.now();
  let count = 0;
  for (let batch = 1; performance.now() - start < ROUND; batch = Math.min(batch * 2, 256)) {
    for (let at = 0; at < batch; at++) work();
    count += batch;
  }
  return ((performance.now() - start) * 1e6) / count;
}

/** Bundles all contestants into one module with one zod, configured first to use eval or not. */
async function load() {
  const types = join(resolve(generated), "typescript/shop");
  writeFileSync(join(scratch, "mode.ts"), `import * as z from "zod"; z.config({ jitless: ${mode !== "eval"} });`);
  writeFileSync(join(scratch, "from-schema.ts"), await fromJsonSchemas());
  const entry = [
    `import "./mode.js";`,
    `export * as z from "zod";`,
    `export * as fanfare from "full:shop";`,
    `export * as plain from ${JSON.stringify(`${types}.js`)};`,
    `export * as byHand from ${JSON.stringify(join(here, "by-hand.ts"))};`,
    `export * as fromSchema from "./from-schema.js";`,
    `export { Ajv2020 as Ajv } from "ajv/dist/2020.js";`,
    `export { default as addFormats } from "ajv-formats";`,
  ];
  writeFileSync(join(scratch, "entry.ts"), entry.join("\n"));
  const outfile = join(scratch, `bundle-${mode}.mjs`);
  await build({
    entryPoints: [join(scratch, "entry.ts")],
    bundle: true,
    format: "esm",
    platform: "node",
    outfile,
    nodePaths: [join(root, "node_modules"), join(here, "../node_modules")],
    logLevel: "error",
    plugins: [withFullZod(types)],
  });
  return import(pathToFileURL(outfile).href);
}

/** Resolves `full:shop` to the same channel with the validators of the full zod. */
function withFullZod(types) {
  return {
    name: "zod",
    setup(build) {
      const namespace = "full";
      build.onResolve({ filter: /^full:shop$/ }, () => ({ path: `${types}.js`, namespace }));
      build.onLoad({ filter: /.*/, namespace }, ({ path }) => ({
        contents: readFileSync(path, "utf8").replaceAll("validators", "zod"),
        resolveDir: resolve(types, ".."),
      }));
    },
  };
}

/** Returns the output of json-schema-to-zod. It does not follow references, so they are inlined first. */
async function fromJsonSchemas() {
  const peers = createRequire(join(here, "package.json"));
  const { jsonSchemaToZod } = await import(pathToFileURL(peers.resolve("json-schema-to-zod")).href);
  const modules = ["progress", "order", "archive"].map((payload) => {
    const schema = JSON.parse(readFileSync(join(generated, "json-schema/shop", `${payload}.json`), "utf8"));
    return jsonSchemaToZod(inline(schema, schema.$defs), { name: payload, module: "esm", noImport: true });
  });
  return `import { z } from "zod";\n${modules.join("\n")}`;
}

function inline(schema, definitions) {
  if (Array.isArray(schema)) return schema.map((item) => inline(item, definitions));
  if (schema === null || typeof schema !== "object") return schema;
  if (schema.$ref) return inline(definitions[schema.$ref.split("/").pop()], definitions);
  const kept = Object.entries(schema).filter(([key]) => key !== "$defs");
  return Object.fromEntries(kept.map(([key, value]) => [key, inline(value, definitions)]));
}
