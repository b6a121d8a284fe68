import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startBrowser } from "./support/browser.js";
import { isOpen, openPage, seen, shown } from "./support/page.js";
import { Server } from "./support/server.js";
import { Site } from "./support/site.js";

let browser: Browser;
let site: Site;
/** Names the site's origin, and names none. */
let named: Server;
let unnamed: Server;

beforeAll(async () => {
  site = await Site.start(() => Promise.reject(new Error("no page asks for a token")));
  named = await Server.start({ session: "session=ada", origins: [site.origin] });
  unnamed = await Server.start({ session: "session=ada" });
  browser = await startBrowser();
});

afterAll(async () => {
  await browser?.close();
  site?.stop();
  await named?.stop();
  await unnamed?.stop();
});

async function open(server: Server, run: string, transport: "websocket" | "sse", cookie?: string): Promise<Page> {
  const page = await openPage(browser, `${site.origin}/nothing`);
  if (cookie !== undefined) {
    const [name = "", value = ""] = cookie.split("=");
    await page.context().addCookies([{ name, value, url: site.origin, httpOnly: true, sameSite: "Lax" }]);
  }
  await page.goto(site.url(run, server.url, { session: "", transport }));
  return page;
}

test.each(["websocket", "sse"] as const)("a page with a cookie reads over %s without a token", async (transport) => {
  const page = await open(named, `run_${transport}`, transport, "session=ada");
  await isOpen(page);
  await named.status(`run_${transport}`, "Writing");
  await shown(page, "Message", "WRITING");
  expect(site.tokens).toBe(0);
});

test.each(["websocket", "sse"] as const)("without the cookie, or from another origin, nothing is read over %s", async (transport) => {
  const strangers = [
    await open(named, "run_secret", transport),
    await open(named, "run_secret", transport, "session=bob"),
    await open(unnamed, "run_secret", transport, "session=ada"),
  ];
  for (const [index, page] of strangers.entries()) {
    // A browser lets no page send cookies to an origin that does not allow it.
    const isKeptByBrowser = transport === "sse" && index === 2;
    await shown(page, "Status", isKeptByBrowser ? "connecting" : "error");
    expect((await seen(page)).view.ids).toEqual([]);
  }
});
