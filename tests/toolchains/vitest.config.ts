import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["*.test.ts"],
    globalSetup: "support/build.ts",
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // The tools use several threads themselves.
    maxWorkers: 2,
  },
});
