import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    globalSetup: "test/support/build.ts",
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 20_000 } },
    maxWorkers: 1,
  },
});
