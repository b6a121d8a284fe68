import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { expect } from "vitest";
import { findBrowser } from "./server.js";

export function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: findBrowser(), args: ["--no-sandbox"] });
}

/** Opens the page as Ada, in a new browser context. Errors of the page fail the test. */
export async function visit(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Page> {
  const page = await (await browser.newContext(options)).newPage();
  page.on("pageerror", (error) => expect.unreachable(error.message));
  await page.goto(url);
  return page;
}

/** Starts a run for the server's text, and waits until it asks for a verdict. */
export async function summarise(page: Page): Promise<Page> {
  await page.getByRole("button", { name: "Summarise" }).click();
  await page.getByLabel("Approval").waitFor();
  return page;
}

export async function approve(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Approve" }).click();
}

/** Waits for the result of the run. */
export async function resultOf(page: Page): Promise<void> {
  await page.getByLabel("Statistics").waitFor();
}
