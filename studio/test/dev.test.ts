import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Program } from "./support/dev.js";
import { root } from "./support/paths.js";
import { errorsOf, openUrl, startBrowser } from "./support/tab.js";

const KEY = "signkey-test-00112233445566778899aabbccddeeff";

let browser: Browser;
let folder: string;
const programs: Program[] = [];

beforeAll(async () => {
  browser = await startBrowser();
  folder = mkdtempSync(join(tmpdir(), "studio-dev-"));
  cpSync(join(root, "schemas"), join(folder, "schemas"), { recursive: true });
});

afterAll(async () => {
  await browser?.close();
  await Promise.all(programs.map((program) => program.stop()));
  rmSync(folder, { recursive: true, force: true });
});

function start(name: string, args: readonly string[], options: { readonly cwd?: string; readonly key?: string } = {}): Program {
  const program = new Program(name, args, options);
  programs.push(program);
  return program;
}

function edit(change: (text: string) => string): void {
  const path = join(folder, "schemas/pipeline.yaml");
  writeFileSync(path, change(readFileSync(path, "utf8")));
}

async function show(page: Page, hash: string): Promise<void> {
  await page.evaluate((newHash) => (location.hash = newHash), hash);
}

test("fanfare dev publishes through Studio, and forms and messages follow the definitions", async () => {
  const dev = start("fanfare", ["dev", "--port", "0"], { cwd: folder });
  const link = await dev.expect(/Studio +(\S+)/);
  await dev.expect(/(watching for changes)/);
  const page = await openUrl(browser, link);
  await page.getByRole("navigation").waitFor();
  expect(page.url()).not.toContain("key");
  await page.reload();
  await page.getByRole("navigation").waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.goto(link);
  await page.getByRole("navigation").waitFor();

  const messages = await openUrl(browser, link);
  await messages.getByRole("navigation").waitFor();
  await show(messages, "/messages/pipeline%3Arun_dev");
  await messages.getByText("Live", { exact: true }).waitFor();

  await show(page, "/publish?channel=pipeline%3Arun_dev&topic=status");
  await page.getByText("Valid", { exact: true }).waitFor();
  await page.getByLabel("message").fill("From fanfare dev");
  await page.getByText("Valid", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Publish", exact: true }).click();
  await page.getByText("Published as").waitFor();
  await messages.getByRole("grid").getByText("From fanfare dev").waitFor();

  edit((text) => text.replace("maximum: 100", "maximum: 7"));
  await dev.expect(/(watching for changes)/);
  // Nothing is reloaded, and the text remains.
  await page.getByLabel("progress").fill("8");
  await page.getByText("must be at most 7").waitFor();
  expect(await page.getByLabel("message").inputValue()).toBe("From fanfare dev");
  await page.getByLabel("progress").fill("7");
  await page.getByLabel("message").fill("After the change");
  await page.getByText("Valid", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Publish", exact: true }).click();
  await messages.getByRole("grid").getByText("After the change").waitFor();
  await messages.getByRole("grid").getByText("From fanfare dev").waitFor();

  edit((text) => text.replace("    topics:\n", "    topics:\n      warning: { payload: { type: object, required: [reason], properties: { reason: { type: string } } } }\n"));
  const topics = page.getByLabel("Topic or signal");
  await topics.locator("option", { hasText: "warning" }).waitFor({ state: "attached" });
  await topics.selectOption("topic warning");
  await page.getByLabel("reason").waitFor();
  expect([...errorsOf(page), ...errorsOf(messages)]).toEqual([]);
});

test("fanfare dev --attach shows the runs and live messages of a server", async () => {
  const text = join(root, "README.md");
  const args = ["--port", "0", "--text", text, "--database", join(folder, "pipeline.db"), "--pause", "20"];
  const server = start("content-pipeline", args, { cwd: root, key: KEY });
  const url = await server.expect(/Listening on (\S+)/);
  const attached = start("fanfare", ["dev", "--port", "0", "--attach", url], { key: KEY });
  const page = await openUrl(browser, await attached.expect(/Studio +(\S+)/));
  await page.getByRole("navigation").waitFor();
  await page.getByText("SQLite").waitFor();

  const started = await fetch(`${url}/runs`, { method: "POST" });
  const { runId } = (await started.json()) as { runId: string };
  await page.getByRole("grid").getByRole("link", { name: runId }).waitFor();
  const socket = page.waitForEvent("websocket");
  await show(page, `/messages/${encodeURIComponent(`pipeline:${runId}`)}`);
  await page.getByText("Live", { exact: true }).waitFor();
  expect((await socket).url()).toContain("/v1/realtime/connect");
  await page.getByRole("grid").getByText("status").first().waitFor();

  // Later messages arrive through the WebSocket.
  await fetch(`${url}/v1/realtime/publish?channel=pipeline:${runId}&topic=status`, {
    method: "POST",
    headers: { authorization: `Bearer ${KEY}` },
    body: JSON.stringify({ message: "Published at the server", step: "write", progress: 1 }),
  });
  await page.getByRole("grid").getByText("Published at the server").waitFor();
  expect(errorsOf(page)).toEqual([]);
});
