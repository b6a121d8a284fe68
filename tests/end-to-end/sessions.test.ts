import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startBrowser } from "./support/browser.js";
import { isOpen, openPage, seen, shown } from "./support/page.js";
import { Server } from "./support/server.js";
import { Site } from "./support/site.js";

let browser: Browser;
let site: Site;
/** Allows the origin of the site. */
let server: Server;
/** Allows no other origin than its own. */
let sameOriginOnly: Server;

beforeAll(async () => {
  site = await Site.start(() => Promise.reject(new Error("a page requested a token")));
  server = await Server.start({ session: "session=ada", origins: [site.origin] });
  sameOriginOnly = await Server.start({ session: "session=ada" });
  browser = await startBrowser();
});

afterAll(async () => {
  await browser?.close();
  site?.stop();
  await server?.stop();
  await sameOriginOnly?.stop();
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

test.each(["websocket", "sse"] as const)("a page with a session cookie reads over %s without a token", async (transport) => {
  const page = await open(server, `run_${transport}`, transport, "session=ada");
  await isOpen(page);
  await server.status(`run_${transport}`, "Writing");
  await shown(page, "Message", "WRITING");
  expect(site.tokens).toBe(0);
});

test.each(["websocket", "sse"] as const)("a page without the cookie, or of another origin, reads nothing over %s", async (transport) => {
  const unauthorized = [
    await open(server, "run_secret", transport),
    await open(server, "run_secret", transport, "session=bob"),
    await open(sameOriginOnly, "run_secret", transport, "session=ada"),
  ];
  for (const [index, page] of unauthorized.entries()) {
    // The browser blocks cookies to an origin that does not allow the page.
    const isBlockedByBrowser = transport === "sse" && index === 2;
    await shown(page, "Status", isBlockedByBrowser ? "connecting" : "error");
    expect((await seen(page)).view.ids).toEqual([]);
  }
});
