import type { Browser, Page } from "playwright-core";
import { expect, onTestFinished } from "vitest";
import type { Seen } from "../page/src/seen.js";

/**
 * Opens the page in its own browser context. Uncaught errors of the page fail the test. `logged` receives the warnings
 * that the page logs.
 */
export async function openPage(browser: Browser, url: string, logged: string[] = []): Promise<Page> {
  const context = await browser.newContext();
  const page = await context.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => void (message.type() === "warning" && logged.push(message.text())));
  onTestFinished(async () => {
    await context.close();
    expect(errors).toEqual([]);
  });
  await page.goto(url);
  return page;
}

export async function isOpen(page: Page): Promise<void> {
  await shown(page, "Status", "open");
}

/** Waits until the page has been open at least `count` times. */
export async function isOpenAgain(page: Page, count: number): Promise<void> {
  await page.waitForFunction((expected) => window.seen.statuses.filter((status) => status === "open").length >= expected, count);
}

export async function shown(page: Page, label: string, text: string): Promise<void> {
  await page.getByLabel(label, { exact: true }).getByText(text, { exact: true }).waitFor();
}

/** Waits until `messages.all` contains `count` numbered messages. */
export async function has(page: Page, count: number): Promise<void> {
  await page.waitForFunction((expected) => window.seen.view.indexes.length === expected, count);
}

export async function seen(page: Page): Promise<Seen> {
  return page.evaluate(() => window.seen);
}
