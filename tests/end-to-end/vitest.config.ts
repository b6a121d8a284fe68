import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    globalSetup: "support/build.ts",
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // Every file starts its own servers or browser. More workers would only wait for each other.
    maxWorkers: 2,
  },
});
