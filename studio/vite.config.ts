import { join } from "node:path";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** The URL of `fanfare-studio-server` during development with `npm run dev`. */
const server = process.env["FANFARE_SERVER"] ?? "http://127.0.0.1:3100";

const client = join(import.meta.dirname, "../runtime/typescript/src/index.ts");

export default defineConfig({
  base: "/studio/",
  plugins: [react()],
  resolve: { alias: [{ find: /^fanfare$/, replacement: client }] },
  build: {
    // The crate `fanfare` embeds these files.
    outDir: process.env["FANFARE_STUDIO_OUT"] ?? "../runtime/rust/studio",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    // The licences of the packages in the page, which must accompany it.
    license: { fileName: "licenses.txt" },
    rolldownOptions: {
      output: { entryFileNames: "studio.js", assetFileNames: "studio[extname]", codeSplitting: false },
    },
  },
  server: { proxy: { "/v1/realtime": { target: server, ws: true } } },
});
