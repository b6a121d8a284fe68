import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startProxy } from "./proxy.js";
import { findBrowser, type Server, startServer } from "./server.js";

const TEXT = `# Trains

Trains carry heavy freight across mountains. Trains carry people, too, and carry them fast.
Cheese tastes best with fresh bread. Most mountains are crossed by trains in tunnels.`;

let server: Server;
let browser: Browser;

beforeAll(async () => {
  server = await startServer();
  browser = await chromium.launch({ executablePath: findBrowser(), args: ["--no-sandbox"] });
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

test("a pasted text is summarised before one's eyes", async () => {
  const page = await openPage();
  await page.getByRole("textbox").fill(TEXT);
  await page.getByRole("button", { name: "Summarise this text" }).click();
  await page.getByText("open", { exact: true }).waitFor();
  await resultOf(page);
  await expect(summaryOf(page)).resolves.toContain("Trains carry heavy freight across mountains.");
  expect(await page.getByRole("heading", { name: "Trains" }).count()).toBe(1);
  expect(await page.getByLabel("Keywords").textContent()).toContain("trains");
  expect(await page.locator("progress").getAttribute("value")).toBe("100");
});

test("a page that is opened later shows the whole run", async () => {
  const first = await openPage();
  await first.getByRole("button", { name: "Summarise" }).click();
  await resultOf(first);
  const second = await openPage(first.url());
  await resultOf(second);
  expect(await summaryOf(second)).toBe(await summaryOf(first));
  expect(await second.getByLabel("Keywords").textContent()).toBe(await first.getByLabel("Keywords").textContent());
});

test("a page that was cut off gets what it missed", async () => {
  const proxy = await startProxy(server.url);
  const page = await openPage(proxy.url);
  await page.getByRole("button", { name: "Summarise" }).click();
  await page.getByLabel("Summary").waitFor();
  proxy.cut();
  await page.locator('[data-connection]:not([data-connection="open"])').waitFor();
  const seen = await summaryOf(page);
  await page.waitForTimeout(300);
  expect(await summaryOf(page)).toBe(seen);
  proxy.mend();
  await resultOf(page);
  const whole = await openPage(`${server.url}/${new URL(page.url()).hash}`);
  await resultOf(whole);
  expect(await summaryOf(page)).toBe(await summaryOf(whole));
  proxy.stop();
});

test("the server's notice is shown", async () => {
  const page = await openPage();
  await page.getByText("Ready to summarise PROTOCOL.md, or a text of yours.").waitFor();
});

test("a text without sentences is refused with a reason", async () => {
  const page = await openPage();
  await page.getByRole("textbox").fill("---");
  await page.getByRole("button", { name: "Summarise this text" }).click();
  await page.getByText("The text has no sentence to summarise.").waitFor();
});

/** Opens the page in a browser context of its own. What the page complains about fails the test. */
async function openPage(url: string = server.url): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  page.on("pageerror", (error) => expect.unreachable(error.message));
  await page.goto(url);
  return page;
}

async function resultOf(page: Page): Promise<void> {
  await page.getByLabel("Statistics").waitFor();
}

async function summaryOf(page: Page): Promise<string | null> {
  return page.getByLabel("Summary").locator("p").textContent();
}
