import { defineConfig } from "vitest/config";

export default defineConfig({
  // On a busy machine, starting a process takes seconds.
  test: { testTimeout: 30_000, hookTimeout: 60_000 },
});
