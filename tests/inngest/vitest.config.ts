import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    globalSetup: "support/build.ts",
    setupFiles: "support/setup.ts",
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // Every file starts servers or a browser of its own; more at once would only wait for each other.
    maxWorkers: 2,
  },
});
