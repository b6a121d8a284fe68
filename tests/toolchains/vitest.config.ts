import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["*.test.ts"],
    globalSetup: "support/build.ts",
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // The tools use several threads themselves.
    maxWorkers: 2,
  },
});
