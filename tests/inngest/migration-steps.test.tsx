// @vitest-environment jsdom
import { existsSync } from "node:fs";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { FunctionComponent } from "react";
import { createRoot } from "react-dom/client";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { root } from "../end-to-end/support/paths.js";
import { Server } from "../end-to-end/support/server.js";
import { until } from "../end-to-end/support/wait.js";

const PAGE = "docs/moving-from-inngest-realtime.md";
const MOVING = join(root, "tests/inngest/moving");

const STEPS = ["2-guest", "3-generated", "4-client", "5-own"];

type Report = (runId: string, progress: number) => Promise<void>;

let server: Server;
const reports = new Map<string, Report>();

beforeAll(async () => {
  server = await Server.start();
  Object.assign(process.env, { FANFARE_URL: server.url, FANFARE_SIGNING_KEY: server.signingKey });
  // Server code has no `window`.
  vi.stubGlobal("window", undefined);
  for (const step of STEPS) {
    const { report } = (await import(`./moving/${step}/server.ts`)) as { report: Report };
    reports.set(step, report);
  }
  vi.unstubAllGlobals();
});

afterAll(() => server.stop());

test.each(STEPS)("the application at step %s shows its messages", async (step) => {
  const runId = `run_${step[0]}`;
  const report = reports.get(step) as Report;
  const { Progress } = (await import(`./moving/${step}/Progress.tsx`)) as {
    Progress: FunctionComponent<{ runId: string }>;
  };
  const element = document.createElement("div");
  const page = createRoot(element);
  page.render(<Progress runId={runId} />);
  await until("it is open", () => element.textContent === "open");
  for (const progress of [0, 40, 100]) {
    await report(runId, progress);
    await until("it is shown", () => element.textContent === `Writing (${progress}%)`);
  }
  await expect(report(runId, 101)).rejects.toThrow();
  page.unmount();
});

test("the code in the documentation is the tested code", async () => {
  const page = await readFile(join(root, PAGE), "utf8");
  const quoted = [...page.matchAll(/^```tsx?\n(.*?)^```$/gmsu)].map((match) => match[1]);
  const checked: string[] = [];
  for (const step of (await readdir(MOVING, { withFileTypes: true })).filter((entry) => entry.isDirectory())) {
    const folder = join(MOVING, step.name);
    for (const file of (await readdir(folder)).sort().reverse()) {
      const text = await readFile(join(folder, file), "utf8");
      if (!checked.includes(text)) {
        checked.push(text);
      }
    }
  }
  expect([...quoted].sort()).toEqual([...checked].sort());
});

test("the tests that the documentation links to exist", async () => {
  const page = await readFile(join(root, PAGE), "utf8");
  const table = page.slice(page.indexOf("## What is better"), page.indexOf("## What is missing"));
  const rows = table.split("\n").filter((line) => line.startsWith("| ")).slice(1);
  expect(rows.length).toBeGreaterThan(10);
  for (const row of rows) {
    const links = [...row.matchAll(/\]\(([^)]+)\)/gu)].map((match) => (match[1] ?? "").replace(/#.*/u, ""));
    expect(links, row).not.toEqual([]);
    links.forEach((link) => expect(existsSync(join(root, "docs", link)), link).toBe(true));
  }
});
