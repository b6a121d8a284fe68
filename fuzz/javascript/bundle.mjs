// Bundles the client's sources, the generated validators and the targets into one script.
//
//   node bundle.mjs <script> <folder of generated TypeScript>
import { join, resolve } from "node:path";
import { build } from "esbuild";

const [script, generated] = process.argv.slice(2);
const root = resolve(import.meta.dirname, "../..");

await build({
  entryPoints: [join(import.meta.dirname, "targets.mjs")],
  bundle: true,
  format: "esm",
  platform: "node",
  outfile: script,
  nodePaths: [join(root, "node_modules")],
  logLevel: "error",
  alias: { generated: resolve(generated) },
});
