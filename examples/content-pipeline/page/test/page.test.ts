import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { startProxy } from "./proxy.js";
import { approve, delayMessages, Demo, resultOf, summarise } from "./visit.js";

const TEXT = `# Trains

Trains carry heavy freight across mountains. Trains carry people, too, and carry them fast.
Cheese tastes best with fresh bread. Most mountains are crossed by trains in tunnels.`;

const demo = new Demo();

test("summarises a pasted text live, and publishes it after approval", async () => {
  const page = await demo.visit();
  await page.getByRole("textbox").fill(TEXT);
  await page.getByRole("button", { name: "Summarise this text" }).click();
  await page.getByText("open", { exact: true }).waitFor();
  await page.getByLabel("Approval").waitFor();
  await expect(summaryOf(page)).resolves.toContain("Trains carry heavy freight across mountains.");
  expect(await page.getByRole("heading", { name: "Trains" }).count()).toBe(0);
  await approve(page);
  await resultOf(page);
  expect(await page.getByRole("heading", { name: "Trains" }).count()).toBe(1);
  expect(await page.getByLabel("Keywords").textContent()).toContain("trains");
  expect(await page.getByLabel("What happened").textContent()).toContain("Ada approved the draft");
  expect(await page.locator("progress").getAttribute("value")).toBe("100");
});

test("publishes an edited summary", async () => {
  const page = await summarise(await demo.visit());
  await page.getByRole("button", { name: "Edit" }).click();
  expect(await page.getByLabel("The summary in your words").inputValue()).toBe(await summaryOf(page));
  await page.getByLabel("The summary in your words").fill("All about frames.");
  await page.getByRole("button", { name: "Publish this" }).click();
  await resultOf(page);
  expect(await summaryOf(page)).toBe("All about frames.");
  expect(await page.getByLabel("What happened").textContent()).toContain("Ada edited the draft");
});

test("ends the run after a rejection, and shows who rejected it", async () => {
  const page = await summarise(await demo.visit());
  await page.getByRole("button", { name: "Reject" }).click();
  await page.locator('[data-run="failed"]').waitFor();
  expect(await page.getByLabel("Progress").getByRole("status").textContent()).toContain("Ada rejected the draft");
  expect(await page.getByLabel("What happened").textContent()).toContain("Ada rejected the draft");
  expect(await page.getByLabel("Approval").count()).toBe(0);
  expect(await page.getByLabel("Statistics").count()).toBe(0);
});

test("shows whose verdict counts after a second click and to a second person", async () => {
  const first = await demo.visit();
  const second = await first.context().newPage();
  const delays = await Promise.all([first, second].map(delayMessages));
  await first.reload();
  await first.getByRole("textbox").fill(TEXT);
  await first.getByRole("button", { name: "Summarise this text" }).click();
  await first.waitForURL(/#run_/u);
  await second.goto(first.url());
  await Promise.all([first, second].map((page) => page.getByLabel("Approval").waitFor()));
  // The pages do not know yet that the run has continued.
  delays.forEach((delay) => delay.begin());
  await first.getByRole("button", { name: "Approve" }).dblclick();
  await first.getByText("You have given your verdict already; the first one counts.").waitFor();
  await second.getByRole("button", { name: "Reject" }).click();
  await second.getByText(/Ada was first, at .*\. Thank you anyway\./u).waitFor();
  delays.forEach((delay) => delay.end());
  await Promise.all([first, second].map(resultOf));
  expect(await second.getByLabel("What happened").textContent()).toContain("Ada approved the draft");
});

test("shows the whole run on a page that is opened later", async () => {
  const first = await summarise(await demo.visit());
  await approve(first);
  await resultOf(first);
  const second = await demo.visit({ url: first.url() });
  await resultOf(second);
  expect(await summaryOf(second)).toBe(await summaryOf(first));
  for (const label of ["Keywords", "What happened"]) {
    expect(await second.getByLabel(label).textContent()).toBe(await first.getByLabel(label).textContent());
  }
});

test("receives missed messages after a lost connection", async () => {
  const proxy = await startProxy(demo.server.url);
  const page = await demo.visit({ url: proxy.url });
  await page.getByRole("button", { name: "Summarise" }).click();
  await page.getByLabel("Summary").waitFor();
  proxy.cut();
  await page.getByText("This page reconnects automatically").waitFor();
  const seen = await summaryOf(page);
  await page.waitForTimeout(300);
  expect(await summaryOf(page)).toBe(seen);
  proxy.restore();
  await page.getByLabel("Approval").waitFor();
  const whole = await demo.visit({ url: `${demo.server.url}/${new URL(page.url()).hash}` });
  await whole.getByLabel("Approval").waitFor();
  expect(await summaryOf(page)).toBe(await summaryOf(whole));
  proxy.stop();
});

test("shows the server's notice", async () => {
  const page = await demo.visit();
  await page.getByText("Ready to summarise “The keeper of Skerry Point” or your own text.").waitFor();
});

test("refuses a text without sentences, with a reason", async () => {
  const page = await demo.visit();
  await page.getByRole("textbox").fill("---");
  await page.getByRole("button", { name: "Summarise this text" }).click();
  await page.getByText("The text has no sentence to summarise.").waitFor();
});

async function summaryOf(page: Page): Promise<string | null> {
  return page.getByLabel("Summary").locator("p").textContent();
}
