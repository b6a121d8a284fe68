import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const generated = fileURLToPath(new URL("../../generated", import.meta.url));

export default defineConfig({
  // The applications in `moving` import it as if it were in their own folder.
  resolve: { alias: [{ find: /^\.\/generated/u, replacement: generated }] },
  test: {
    globalSetup: "support/build.ts",
    setupFiles: "support/setup.ts",
    testTimeout: 40_000,
    hookTimeout: 60_000,
    // Every file starts its own servers or browser. More workers would only wait for each other.
    maxWorkers: 2,
  },
});
