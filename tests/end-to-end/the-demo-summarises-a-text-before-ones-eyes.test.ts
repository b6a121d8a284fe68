import { type ChildProcess, spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startBrowser } from "./support/browser.js";
import { listen } from "./support/listen.js";
import { artifact, builtDemoPage, program, root } from "./support/paths.js";
import { range, until } from "./support/wait.js";

let demo: { readonly url: string; readonly process: ChildProcess };
let browser: Browser;

beforeAll(async () => {
  demo = await startDemo();
  browser = await startBrowser();
});

afterAll(async () => {
  await browser?.close();
  const ended = new Promise((resolve) => demo?.process.on("exit", resolve));
  demo?.process.kill("SIGTERM");
  await ended;
});

test("one click, and the page shows what a subscriber in Node gets, to the result", async () => {
  const page = await browser.newPage({ viewport: { width: 1100, height: 1000 } });
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  await page.goto(demo.url);
  await page.getByRole("button", { name: "Summarise" }).click();
  await page.waitForURL(/#run_[a-z0-9]+$/u);
  const run = new URL(page.url()).hash.slice(1);
  const token = async () => ((await (await fetch(`${demo.url}/token?run=${run}`)).json()) as { token: string }).token;
  const listener = await listen(run, { token, apiBaseUrl: demo.url });

  await until("the result has come", () => listener.messages.some(({ topic }) => topic === "result"));
  await page.getByLabel("Statistics").waitFor();
  const result = listener.messages.flatMap((message) => (message.topic === "result" ? [message.data] : [])).at(-1);
  const pieces = listener.messages.flatMap((message) => (message.topic === "tokens" ? [message.data] : []));
  expect(pieces.map(({ index }) => index)).toEqual(range(0, pieces.length));
  expect(pieces.map(({ text }) => text).join("")).toBe(result?.summary);
  expect(await page.getByLabel("Summary").locator("p").textContent()).toBe(result?.summary);
  expect(await page.getByLabel("Summary").getByRole("heading").textContent()).toBe(result?.title);
  expect(await page.locator("progress").getAttribute("value")).toBe("100");
  expect(await page.locator("[data-connection]").textContent()).toBe("open");
  expect(complaints).toEqual([]);

  const picture = artifact("demo.png");
  await mkdir(dirname(picture), { recursive: true });
  await page.screenshot({ path: picture, fullPage: true, animations: "disabled" });
  listener.close();
});

async function startDemo(): Promise<typeof demo> {
  const args = ["--port", "0", "--pause", "5", "--text", `${root}runtime/PROTOCOL.md`, "--page", builtDemoPage];
  const process = spawn(program("content-pipeline"), args, { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface(process.stdout);
  return new Promise((resolve, reject) => {
    lines.on("line", (line) => {
      const url = /^Listening on (\S+)$/u.exec(line)?.[1];
      if (url !== undefined) {
        resolve({ url, process });
      }
    });
    lines.on("close", () => reject(new Error("the demo has ended before it was ready")));
  });
}
