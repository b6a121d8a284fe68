import { join } from "node:path";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";
import solid from "vite-plugin-solid";

const folder = import.meta.dirname;
const pages = ["vue.html", "svelte.html", "solid.html"].map((page) => join(folder, page));
const generated = join(folder, "../../../generated/typescript/index.js");
// Babel reads no list of browsers, which it would need a package of another licence for.
const babel = { browserslistConfigFile: false } as const;

export default defineConfig({
  plugins: [vue(), svelte({ configFile: false }), solid({ include: /frameworks\/solid/u, babel })],
  // As if `generated` were next to each file.
  resolve: { alias: [{ find: "./generated/typescript/index.js", replacement: generated }] },
  build: { emptyOutDir: true, rolldownOptions: { input: pages } },
});
