import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { approve, Demo, resultOf, summarise } from "./visit.js";

const demo = new Demo();

test("the hint to kill the server notices that it is gone and that it is back", async () => {
  const page = await summarise(await demo.visit());
  await demo.server.kill();
  await page.getByText("The server is gone.").waitFor();
  expect(await triedIn(page)).toBe(0);
  await demo.server.restart();
  await page.getByText("The server is back").waitFor();
  expect(await triedIn(page)).toBe(1);
  await approve(page);
  await resultOf(page);
  await page.getByText("Published, although the server was killed.").waitFor();
  expect(await page.getByLabel("Published").textContent()).toContain("21 messages arrived");
});

test("the hint to open a second tab notices it in both tabs, and its visitor is another person", async () => {
  const first = await summarise(await demo.visit());
  const [second] = await Promise.all([first.context().waitForEvent("page"), tab(first).click()]);
  for (const page of [first, second]) {
    await page.getByText("Both tabs show the same run").waitFor();
    expect(await triedIn(page)).toBe(1);
  }
  await first.getByText("Waiting for you, Ada").waitFor();
  await second.getByText("Waiting for you, Alan").waitFor();
});

test("tabs with different runs are not a second tab", async () => {
  const first = await summarise(await demo.visit());
  const second = await first.context().newPage();
  await second.goto(demo.server.url);
  await summarise(second);
  expect(await triedIn(first)).toBe(0);
  expect(await triedIn(second)).toBe(0);
});

test("the hint to reload notices a reload of a run, and earlier hints stay tried", async () => {
  const page = await demo.visit();
  await page.reload();
  await page.getByText("0 of 3").waitFor();
  await summarise(page);
  await Promise.all([page.context().waitForEvent("page"), tab(page).click()]);
  await page.getByText("1 of 3").waitFor();
  await page.getByRole("button", { name: "Reload the page" }).click();
  await page.getByText("the whole run is here again").waitFor();
  await page.getByLabel("Approval").waitFor();
  expect(await triedIn(page)).toBe(2);
});

test("the summary is celebrated only on a page that was open when it was published", async () => {
  const page = await summarise(await demo.visit());
  await approve(page);
  await page.locator('.published[data-live="true"]').waitFor();
  await page.reload();
  await page.locator('.published[data-live="false"]').waitFor();
  await page.getByText("Published.", { exact: true }).waitFor();
});

test("Studio opens at the run, signed in, and stays signed in when the server is killed", async () => {
  const page = await summarise(await demo.visit());
  const link = page.getByRole("link", { name: "Look inside with Studio" });
  const [studio] = await Promise.all([page.context().waitForEvent("page"), link.click()]);
  const runId = new URL(page.url()).hash.slice(1);
  await studio.getByRole("heading", { name: runId }).waitFor();
  await studio.getByText("This run waits for approve").waitFor();
  expect(studio.url()).toBe(`${demo.server.url}/studio#/runs/${runId}`);
  await demo.server.kill();
  await studio.getByText("The server cannot be reached.").first().waitFor();
  await demo.server.restart();
  await approve(page);
  await studio.getByRole("main").getByText("Completed", { exact: true }).waitFor();
});

function tab(page: Page) {
  return page.getByRole("link", { name: "Open a second tab" });
}

/** Returns how many hints were tried. */
async function triedIn(page: Page): Promise<number> {
  return page.locator('.tour li[data-tried="true"]').count();
}
