import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startBrowser } from "./support/browser.js";
import { Demo, visit } from "./support/demo.js";
import { listen } from "./support/listen.js";
import { artifact } from "./support/paths.js";
import { until } from "./support/wait.js";

let demo: Demo;
let browser: Browser;

beforeAll(async () => {
  demo = await Demo.start(5);
  browser = await startBrowser();
});

afterAll(async () => {
  await browser?.close();
  await demo?.stop();
});

test("after two clicks, the page shows the same result that a subscriber in Node receives", async () => {
  const context = await browser.newContext({ viewport: { width: 1100, height: 1000 } });
  const page = await visit(context, demo.url, "Ada");
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  await page.getByRole("button", { name: "Summarise" }).click();
  await page.waitForURL(/#run_[a-z0-9]+$/u);
  const run = new URL(page.url()).hash.slice(1);
  const token = async () => ((await (await fetch(`${demo.url}/token?run=${run}`)).json()) as { token: string }).token;
  const topics = ["status", "insights", "draft", "summary"] as const;
  const drafts: Promise<string>[] = [];
  const listener = await listen(run, {
    token,
    topics,
    since: "start",
    apiBaseUrl: demo.url,
    onMessage: (message) => {
      if (message.topic === "draft") {
        drafts.push(textOf(message.data));
      }
    },
  });
  await page.getByLabel("Approval").waitFor();
  await until("the draft has come", () => drafts.length > 0);
  expect(drafts).toHaveLength(1);
  const draft = await drafts[0];
  expect(await page.getByLabel("Summary").locator("p").textContent()).toBe(draft);
  await takeScreenshots(page, "demo-waiting.png");

  await page.getByRole("button", { name: "Approve" }).click();
  await until("the summary has come", () => listener.messages.some(({ topic }) => topic === "summary"));
  await page.locator('.badge[data-state="completed"]').waitFor();
  const summary = listener.messages.flatMap((message) => (message.topic === "summary" ? [message.data] : [])).at(-1);
  const statuses = listener.messages.flatMap((message) => (message.topic === "status" ? [message.data.message] : []));
  expect(summary?.summary).toBe(draft);
  expect(await page.getByLabel("Summary").locator("p").textContent()).toBe(draft);
  expect(await page.getByLabel("Summary").getByRole("heading").textContent()).toBe(summary?.title);
  expect(statuses).toContain("Ada approved the draft");
  expect(await page.getByLabel("What happened").locator("li").count()).toBe(statuses.length);
  expect(await page.getByText("Your verdict is recorded.").count()).toBe(1);
  expect(await page.locator("progress").getAttribute("value")).toBe("100");
  expect(complaints).toEqual([]);
  await takeScreenshots(page, "demo.png");
  listener.close();
});

async function textOf(draft: ReadableStream<string>): Promise<string> {
  let text = "";
  for await (const piece of draft) {
    text += piece;
  }
  return text;
}

/** Saves screenshots of the page, light and dark. */
async function takeScreenshots(page: Page, name: string): Promise<void> {
  for (const colorScheme of ["dark", "light"] as const) {
    const path = artifact(colorScheme === "light" ? name : name.replace(".", "-dark."));
    await mkdir(dirname(path), { recursive: true });
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path, fullPage: true, animations: "disabled" });
  }
}
