import { join } from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Locator, type Page } from "playwright-core";
import { findBrowser } from "./paths.js";
import type { StudioHub } from "./server.js";

export function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: findBrowser(), args: ["--no-sandbox"] });
}

/** Errors that the page wrote to the console, by page. */
const errors = new WeakMap<Page, string[]>();

/** Opens Studio and signs in. */
export async function openStudio(
  browser: Browser,
  hub: StudioHub,
  hash = "",
  options: BrowserContextOptions & { readonly bearer?: string } = {},
): Promise<Page> {
  const { bearer = hub.signingKey, ...contextOptions } = options;
  const page = await openPage(browser, hub, hash, contextOptions);
  await signIn(page, bearer);
  return page;
}

export async function signIn(page: Page, bearer: string): Promise<void> {
  await page.getByLabel("Signing key or admin token").fill(bearer);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("navigation").waitFor();
}

/** Opens Studio without signing in. */
export function openPage(browser: Browser, hub: StudioHub, hash = "", options: BrowserContextOptions = {}): Promise<Page> {
  return openUrl(browser, `${hub.url}/studio#${hash}`, options);
}

/** Opens a URL in a new browser context. */
export async function openUrl(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const seen: string[] = [];
  errors.set(page, seen);
  page.on("pageerror", (error) => seen.push(error.message));
  page.on("console", (message) => {
    // Chromium logs the status of each request that fails.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) seen.push(message.text());
  });
  await routeBuild(page);
  await page.goto(url);
  return page;
}

/** Scrolls a grid to its end, where it loads more rows, until an element is visible. */
export async function scrollTo(page: Page, grid: Locator, target: Locator): Promise<void> {
  await grid.focus();
  const end = performance.now() + 40_000;
  while (!(await target.isVisible())) {
    if (performance.now() > end) throw new Error(`the grid never showed ${target.toString()}`);
    await page.keyboard.press("End");
    await page.waitForTimeout(100);
  }
}

/** Returns the errors of a page: exceptions, and what its security policy blocked. */
export function errorsOf(page: Page): readonly string[] {
  return errors.get(page) ?? [];
}

/** Shows the build in the folder `FANFARE_STUDIO_OUT`, if it is set, in place of the one in the server. */
export async function routeBuild(page: Page): Promise<void> {
  const folder = process.env["FANFARE_STUDIO_OUT"];
  if (folder === undefined) return;
  for (const file of ["studio.js", "studio.css"]) {
    await page.route(`**/studio/${file}`, (route) => route.fulfill({ path: join(folder, file) }));
  }
}
