import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startBrowser } from "./support/browser.js";
import { Demo, visit } from "./support/demo.js";
import { until } from "./support/wait.js";

const LONG = 60_000;

let demo: Demo;
let browser: Browser;

beforeAll(async () => {
  demo = await Demo.start(25);
  browser = await startBrowser();
});

afterAll(async () => {
  await browser?.close();
  await demo?.stop();
});

test(
  "the run completes although the server is killed twice, and the page shows everything once",
  async () => {
    const page = await visit(await browser.newContext(), demo.url, "Ada");
    await recordLines(page);
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(error.message));
    await page.getByRole("button", { name: "Summarise" }).click();

    await page.locator('.summary p[data-draft="streaming"]').waitFor();
    await until("some of the draft is there", async () => (await draftOf(page)).length > 100);
    await demo.kill();
    await waitForDisconnect(page);
    await page.getByText("This page reconnects automatically").waitFor();
    const begun = await draftOf(page);
    expect(begun.length).toBeGreaterThan(100);
    await demo.restart();

    await page.getByLabel("Approval").waitFor({ timeout: LONG });
    await page.getByText("Waiting for a verdict").first().waitFor();
    const draft = await draftOf(page);
    expect(draft.startsWith(begun), "the continued draft starts with the same text").toBe(true);
    await demo.kill();
    await waitForDisconnect(page);
    // The page repeats the signal until the server is back. Two clicks send it twice.
    await page.getByRole("button", { name: "Approve" }).dblclick();
    await demo.restart();

    await page.locator('.badge[data-state="completed"]').waitFor({ timeout: LONG });
    await page.getByLabel("Statistics").waitFor();
    expect(await newsOf(page)).toEqual([
      "Splitting the text into sentences",
      expect.stringMatching(/^Scoring \d+ sentences$/u),
      "Choosing the most important sentences",
      "Writing the draft",
      "Waiting for a verdict",
      "Ada approved the draft",
      "The summary is published",
    ]);
    const insights = await page.locator(".keywords li, .choices li").allTextContents();
    expect(insights).toHaveLength(16);
    expect(new Set(insights).size, "no insight is shown twice").toBe(16);
    expect(await page.locator(".summary p").textContent()).toBe(draft);
    expect(await mostShownAtOnce(page), "nothing was shown twice on the way").toEqual({ news: 7, insights: 16 });
    // The second click receives the outcome of the first.
    await page.getByText(/^(You have given your verdict already|The verdict has been given meanwhile)/u).waitFor();
    expect(complaints).toEqual([]);
  },
  3 * LONG,
);

test("a later visitor sees the same", async () => {
  const first = await visit(await browser.newContext(), demo.url, "Ada");
  await first.getByRole("button", { name: "Summarise" }).click();
  await first.getByLabel("Approval").getByRole("button", { name: "Approve" }).click({ timeout: LONG });
  await first.locator('.badge[data-state="completed"]').waitFor();
  await demo.kill();
  await demo.restart();
  const second = await visit(await browser.newContext(), first.url(), "Grace");
  await second.locator('.badge[data-state="completed"]').waitFor();
  expect(await newsOf(second)).toEqual(await newsOf(first));
  expect(await second.getByLabel("Summary").textContent()).toBe(await first.getByLabel("Summary").textContent());
}, 2 * LONG);

/** Waits until the page shows that it is disconnected. */
async function waitForDisconnect(page: Page): Promise<void> {
  await page.locator('.badge[data-state="connecting"], .badge[data-state="error"]').first().waitFor();
}

async function draftOf(page: Page): Promise<string> {
  return (await page.locator(".summary p").textContent()) ?? "";
}

async function newsOf(page: Page): Promise<string[]> {
  const news = await page.getByLabel("What happened").locator("li").allTextContents();
  const time = await page.getByLabel("What happened").locator("time").allTextContents();
  return news.map((line, index) => line.slice(time[index]?.length).trim());
}

/** Records how many lines the page shows at most, after each of its changes. */
async function recordLines(page: Page): Promise<void> {
  await page.evaluate(() => {
    const most = { news: 0, insights: 0 };
    Object.assign(window, { most });
    new MutationObserver(() => {
      most.news = Math.max(most.news, document.querySelectorAll(".news li").length);
      most.insights = Math.max(most.insights, document.querySelectorAll(".keywords li, .choices li").length);
    }).observe(document.body, { childList: true, subtree: true });
  });
}

function mostShownAtOnce(page: Page): Promise<unknown> {
  return page.evaluate(() => (window as unknown as { readonly most: unknown }).most);
}
