import { getClientSubscriptionToken } from "inngest/react";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pipeline } from "../../generated/typescript/pipeline.js";
import { startBrowser } from "../end-to-end/support/browser.js";
import { builtInngestPage } from "../end-to-end/support/paths.js";
import { Proxy } from "../end-to-end/support/proxy.js";
import { Server } from "../end-to-end/support/server.js";
import { Site } from "../end-to-end/support/site.js";
import { Tab } from "../end-to-end/support/tab.js";
import { range, until } from "../end-to-end/support/wait.js";
import { appOf } from "./support/app.js";

let server: Server;
let proxy: Proxy;
let site: Site;
let browser: Browser;

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start(), startBrowser()]);
  proxy = await Proxy.start(server.url);
  site = await Site.start(async (run) => {
    const channel = pipeline({ runId: run });
    return (await getClientSubscriptionToken(appOf(server), { channel, topics: ["status", "tokens"] })).key;
  }, builtInngestPage);
});

afterAll(async () => {
  site.stop();
  proxy.stop();
  await Promise.all([browser.close(), server.stop()]);
});

async function show(page: Page, label: string, expected: string): Promise<void> {
  await until(`${label} shows ${expected}`, async () => (await page.getByLabel(label).textContent()) === expected);
}

function numbers(from: number, to: number): string {
  return range(from, to).map((index) => `${index} `).join("");
}

test("a page shows messages, even after it lost its connection, without an error", async () => {
  const page = await browser.newPage();
  const errors: Error[] = [];
  page.on("pageerror", (error) => errors.push(error));
  await server.status("run_page", "researching");
  await page.goto(site.url("run_page", proxy.url));
  await show(page, "Status", "open");
  await show(page, "Message", "RESEARCHING");
  await server.tokens("run_page", { count: 100 });
  await show(page, "Text", numbers(0, 100));

  const requested = site.tokens;
  proxy.cut();
  // Retained messages are shown again, because the SDK does not know ids.
  await show(page, "Text", numbers(0, 100) + numbers(0, 100));
  await server.status("run_page", "writing");
  await show(page, "Message", "WRITING");
  expect(site.tokens).toBe(requested + 1);
  expect(await page.getByLabel("Error").textContent()).toBe("");
  expect(errors).toEqual([]);
  await page.close();
});

test("a page that was hidden shows the latest message of a topic that retains it", async () => {
  const tab = await Tab.open(site.url("run_tab", server.url));
  const text = (label: string) => `document.querySelector('[aria-label="${label}"]')?.textContent`;
  await tab.until(`${text("Status")} === "open"`);
  await tab.hide();
  await tab.until(`${text("Status")} === "paused"`);
  await server.statuses("run_tab", { count: 5 });
  await tab.show();
  await tab.until(`${text("Message")} === "4 X"`);
  await tab.close();
});
