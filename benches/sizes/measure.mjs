/**
 * Prints the sizes of clients in a page: minified by Rolldown, Vite's bundler, and compressed with gzip. React and other
 * frameworks are not counted.
 */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "rolldown";

const [scratch] = process.argv.slice(2);
const root = fileURLToPath(new URL("../..", import.meta.url));
const generated = (channel) => JSON.stringify(join(root, "generated/typescript", `${channel}.js`));

const subscribe = 'export { subscribe } from "fanfare";';
const useRealtime = 'export { useRealtime } from "fanfare/react";';
const system = `export { system } from ${generated("system")};`;
const pipeline = `export { pipeline } from ${generated("pipeline")};`;

const fanfare = [
  ["`subscribe`, untyped", subscribe],
  ["`subscribe`, a small channel", subscribe + system],
  ["`subscribe`, the example's channel", subscribe + pipeline],
  ["`useRealtime`, untyped", useRealtime],
  ["`useRealtime`, a small channel", useRealtime + system],
  ["`useRealtime`, the example's channel", useRealtime + pipeline],
  ["`fanfare/vue`, untyped", 'export { useRealtime } from "fanfare/vue";'],
  ["`fanfare/svelte`, untyped", 'export { createRealtime } from "fanfare/svelte";'],
  ["`fanfare/solid`, untyped", 'export { createRealtime } from "fanfare/solid";'],
  ["`fanfare/ai`, untyped", 'export * from "fanfare/ai";'],
];

const peers = [
  ["`inngest/react`", 'export { useRealtime } from "inngest/react";'],
  ["`centrifuge`", 'export { Centrifuge } from "centrifuge";'],
  ["`socket.io-client`", 'export { io } from "socket.io-client";'],
  ["`pusher-js`", 'export { default } from "pusher-js";'],
  ["`ably/modular`, WebSocket only", 'export { BaseRealtime, FetchRequest, WebSocketTransport } from "ably/modular";'],
  ["`ably`", 'export { Realtime } from "ably";'],
];

mkdirSync(scratch, { recursive: true });
const rows = [];
for (const [title, code] of [...fanfare, ...peers]) {
  rows.push({ title, ...(await sizesOf(code)) });
}
console.log("| | loaded first | loaded in all |\n|---|---:|---:|");
for (const { title, first, all } of rows) {
  console.log(`| ${title} | ${kilobytes(first)} | ${kilobytes(all)} |`);
}
const both = (await sizesOf(useRealtime + system + pipeline)).first;
const afterPipeline = both - (await sizesOf(useRealtime + pipeline)).first;
const afterSystem = both - (await sizesOf(useRealtime + system)).first;
console.log(`\nThe small channel adds ${kilobytes(afterPipeline)} to that of the example, which adds ${kilobytes(afterSystem)} to the small one.`);

/** Returns the compressed sizes of a page that uses all exports of `code`: of the chunks that it loads first, and of all. */
async function sizesOf(code) {
  const entry = join(scratch, "page.mjs");
  writeFileSync(join(scratch, "used.mjs"), code);
  writeFileSync(entry, 'import * as used from "./used.mjs"; globalThis.used = { ...used };');
  const { output } = await build({
    input: entry,
    platform: "browser",
    // The entry is a page, whose exports nothing imports. Chunks may import code from it.
    preserveEntrySignatures: false,
    external: [/^(react|vue|svelte|solid-js|ai)(\/|$)/u],
    resolve: { modules: [join(root, "node_modules"), join(root, "benches/node_modules")], conditionNames: ["production"] },
    transform: { define: { "process.env.NODE_ENV": '"production"' } },
    output: { minify: true },
    write: false,
    logLevel: "silent",
  });
  const chunks = new Map(output.filter(({ type }) => type === "chunk").map((chunk) => [chunk.fileName, chunk]));
  const [{ fileName }] = output.filter(({ isEntry }) => isEntry);
  const first = reach(chunks, fileName, ({ imports }) => imports);
  const all = reach(chunks, fileName, ({ imports, dynamicImports }) => [...imports, ...dynamicImports]);
  return { first: compress(first), all: compress(all) };
}

/** Returns the chunks that a chunk leads to, including itself. */
function reach(chunks, name, next, reached = new Set()) {
  const chunk = chunks.get(name);
  if (chunk !== undefined && !reached.has(chunk)) {
    reached.add(chunk);
    next(chunk).forEach((other) => reach(chunks, other, next, reached));
  }
  return [...reached];
}

function compress(chunks) {
  return chunks.reduce((sum, { code }) => sum + gzipSync(code, { level: 9 }).length, 0);
}

function kilobytes(bytes) {
  return `${(bytes / 1000).toFixed(1)} kB`;
}
