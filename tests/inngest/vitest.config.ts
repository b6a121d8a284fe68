import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const generated = fileURLToPath(new URL("../../generated", import.meta.url));

export default defineConfig({
  // The applications in `moving` import it as if it were beside their files.
  resolve: { alias: [{ find: /^\.\/generated/u, replacement: generated }] },
  test: {
    globalSetup: "support/build.ts",
    setupFiles: "support/setup.ts",
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // Every file starts servers or a browser of its own; more at once would only wait for each other.
    maxWorkers: 2,
  },
});
