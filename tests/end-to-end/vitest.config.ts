import { join } from "node:path";
import { defineConfig } from "vitest/config";

const generated = join(import.meta.dirname, "../../generated/typescript/index.js");

export default defineConfig({
  // As if `generated` were next to the files in `quoted`.
  resolve: { alias: [{ find: "./generated/typescript/index.js", replacement: generated }] },
  test: {
    globalSetup: "support/build.ts",
    testTimeout: 40_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 15_000 } },
    // Every file starts its own servers or browser. More workers would only wait for each other.
    maxWorkers: 2,
  },
});
