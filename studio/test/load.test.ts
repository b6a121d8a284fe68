import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { measure } from "./support/measure.js";
import { Server } from "./support/server.js";
import { openStudio, startBrowser } from "./support/tab.js";

// `npm run load` measures more, and how smooth the page is, which depends on the machine.

let server: Server;
let browser: Browser;

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start(), startBrowser()]);
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

test("the page stays small while 1,000 messages per second arrive", async () => {
  const page = await openStudio(browser, server.hello, "/messages/log");
  await page.getByText("Live", { exact: true }).waitFor();
  server.publishMany("log", 4000, 1000);
  const { heapMiB, nodes } = await measure(page, () => page.getByRole("grid").getByText('"Message 3999"').waitFor());
  expect(Number(await page.getByRole("grid").getAttribute("aria-rowcount"))).toBe(4001);
  expect(heapMiB).toBeLessThan(60);
  expect(nodes).toBeLessThan(1500);
});

test("a payload of 1 MiB is shown in part, and edited as a whole on request", async () => {
  await server.publish("pipeline:run_large", "x".repeat(1024 * 1024 - 60));
  const page = await openStudio(browser, server.hello, "/messages/pipeline%3Arun_large");
  await page.locator(".grid-body .grid-row").first().click();
  const json = page.getByRole("complementary", { name: "Message" }).getByRole("group", { name: "Payload" });
  expect((await json.textContent())?.length).toBe(20_000);
  await page.getByRole("button", { name: "Show more of" }).click();
  expect((await json.textContent())?.length).toBe(120_000);
  await page.getByRole("link", { name: "Publish again" }).click();
  await page.getByText("Valid", { exact: true }).waitFor();
  expect(await page.getByLabel("message").inputValue()).toHaveLength(201);
  await page.getByRole("button", { name: "Edit 1,048,516 characters" }).click();
  expect(await page.getByLabel("message").inputValue()).toHaveLength(1024 * 1024 - 60);
});
