import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, onTestFinished, test } from "vitest";
import { page, root } from "./support/paths.js";

const MAX_GZIPPED = 250 * 1024;

test("the committed page is what the sources build: run `npm run build` in studio/ if it is not", () => {
  const folder = mkdtempSync(join(tmpdir(), "studio-build-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  execFileSync("npx", ["vite", "build", "--logLevel", "error"], {
    cwd: join(root, "studio"),
    env: { ...process.env, NODE_ENV: "production", FANFARE_STUDIO_OUT: folder },
  });
  expect(readdirSync(folder).sort()).toEqual(readdirSync(page).sort());
  for (const name of readdirSync(folder)) {
    expect(readFileSync(join(page, name), "utf8") === readFileSync(join(folder, name), "utf8"), name).toBe(true);
  }
});

test("the page is small", () => {
  const bytes = readdirSync(page).map((name) => gzipSync(readFileSync(join(page, name)), { level: 9 }).length);
  expect(bytes.reduce((sum, size) => sum + size, 0)).toBeLessThan(MAX_GZIPPED);
});
