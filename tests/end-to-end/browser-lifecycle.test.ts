import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import type { Seen } from "./page/src/seen.js";
import { startBrowser } from "./support/browser.js";
import { has, isOpen, isOpenAgain, openPage, seen, shown } from "./support/page.js";
import { Proxy } from "./support/proxy.js";
import { Server } from "./support/server.js";
import { Site } from "./support/site.js";
import { Tab } from "./support/tab.js";
import { range, until } from "./support/wait.js";

let server: Server;
let browser: Browser;
let site: Site;
/** The lifetime of the page's tokens in seconds. */
let lifetime = 300;

beforeAll(async () => {
  server = await Server.start();
  site = await Site.start((run) => server.token(run, lifetime));
  browser = await startBrowser();
});

afterAll(async () => {
  await browser?.close();
  site?.stop();
  await server?.stop();
});

const transports = ["websocket", "sse"] as const;

async function startProxy(): Promise<Proxy> {
  const proxy = await Proxy.start(server.url);
  onTestFinished(() => proxy.stop());
  return proxy;
}

/** Returns how often the page has connected, by transport. */
function connects(proxy: Proxy): { webSockets: number; eventStreams: number } {
  const { webSockets, eventStreams } = proxy;
  return { webSockets, eventStreams };
}

function only(transport: "websocket" | "sse", count: number): { webSockets: number; eventStreams: number } {
  return transport === "sse" ? { webSockets: 0, eventStreams: count } : { webSockets: count, eventStreams: 0 };
}

test.each(transports)("over %s, no message is lost or repeated while tokens expire after 8 seconds", async (transport) => {
  const [proxy, run, before] = [await startProxy(), `run_eight${transport}`, site.tokens];
  lifetime = 8;
  onTestFinished(() => void (lifetime = 300));
  const page = await openPage(browser, site.url(run, proxy.url, { transport }));
  await isOpen(page);
  await server.statuses(run, { count: 600, pauseMilliseconds: 36 });
  await has(page, 600);
  const { view, deltas, statuses } = await seen(page);
  expect(view.indexes).toEqual(range(0, 600));
  expect(deltas.flat()).toEqual(view.ids);
  expect(view).toMatchObject({ connectionStatus: "open", gap: null, error: null });
  expect(statuses).toEqual(["idle", "connecting", "open"]);
  const tokens = site.tokens - before;
  expect(tokens).toBeGreaterThanOrEqual(4);
  expect(connects(proxy)).toEqual(only(transport, transport === "sse" ? tokens : 1));
}, 120_000);

test.each(transports)("over %s, a page resumes at once when the browser is online again", async (transport) => {
  const [proxy, run] = [await startProxy(), `run_online${transport}`];
  // With this delay, only the `online` event makes the page reconnect before the test ends.
  const page = await openPage(browser, site.url(run, proxy.url, { transport, wait: "600000" }));
  await isOpen(page);
  await server.statuses(run, { count: 10 });
  await has(page, 10);
  for (const round of range(0, 3)) {
    await page.context().setOffline(true);
    proxy.down();
    await page.waitForFunction(() => window.seen.view.connectionStatus !== "open");
    await server.statuses(run, { from: 10 + round * 200, count: 200 });
    proxy.up();
    await page.context().setOffline(false);
    await has(page, 210 + round * 200);
  }
  const { view } = await seen(page);
  expect(view.indexes).toEqual(range(0, 610));
  expect(view).toMatchObject({ connectionStatus: "open", gap: null, error: null });
  expect(connects(proxy)).toEqual(only(transport, 4));
}, 60_000);

test.each(transports)("over %s, the browser's `online` event reveals a dead connection", async (transport) => {
  const [proxy, run] = [await startProxy(), `run_silent${transport}`];
  const page = await openPage(browser, site.url(run, proxy.url, { transport }));
  await isOpen(page);
  await server.statuses(run, { count: 10 });
  await has(page, 10);
  proxy.swallow();
  await server.statuses(run, { from: 10, count: 10 });
  await page.waitForTimeout(1_500);
  expect((await seen(page)).view.indexes).toEqual(range(0, 10));
  // Without the event, the missing heartbeats would be noticed after 22 seconds.
  const since = performance.now();
  await page.evaluate(() => window.dispatchEvent(new Event("online")));
  await has(page, 20);
  expect(performance.now() - since).toBeLessThan(15_000);
  expect((await seen(page)).view).toMatchObject({ indexes: range(0, 20), gap: null });
}, 60_000);

test.each(transports)("over %s, a hidden tab disconnects, and receives everything when it is visible again", async (transport) => {
  const [proxy, run] = [await startProxy(), `run_tab${transport}`];
  const tab = await Tab.open(site.url(run, proxy.url, { transport }));
  onTestFinished(() => tab.close());
  await tab.until('window.seen?.view.connectionStatus === "open"');
  for (const round of range(0, 3)) {
    await server.statuses(run, { from: round * 100, count: 50 });
    await tab.until(`seen.view.indexes.length === ${round * 100 + 50}`);
    await tab.hide();
    await tab.until('seen.view.connectionStatus === "paused"');
    await until("the stream has ended", () => transport === "websocket" || proxy.open <= 2);
    await server.statuses(run, { from: round * 100 + 50, count: 50 });
    await tab.show();
    await tab.until(`seen.view.indexes.length === ${round * 100 + 100}`);
  }
  const { view } = await tab.evaluate<Seen>("window.seen");
  expect(view.indexes).toEqual(range(0, 300));
  expect(view).toMatchObject({ connectionStatus: "open", gap: null, error: null });
}, 60_000);

test("if WebSockets are blocked, a page uses event streams without an error", async () => {
  const [proxy, run] = [await startProxy(), "run_nosocket"];
  proxy.blocksWebSockets = true;
  const page = await openPage(browser, site.url(run, proxy.url));
  await isOpen(page);
  const publishing = server.statuses(run, { count: 600, pauseMilliseconds: 3 });
  for (const cut of range(1, 5)) {
    await page.waitForFunction((count) => window.seen.view.indexes.length > count, cut * 100);
    await isOpenAgain(page, cut);
    proxy.cut();
  }
  await publishing;
  await has(page, 600);
  await isOpenAgain(page, 5);
  const { view } = await seen(page);
  expect(view.indexes).toEqual(range(0, 600));
  expect(view).toMatchObject({ gap: null, error: null });
  expect([proxy.webSockets, proxy.refusedWebSockets]).toEqual([0, 1]);
}, 60_000);

test.each(transports)("over %s, a text stream continues across reconnects until its end", async (transport) => {
  const [proxy, run] = [await startProxy(), `run_text${transport}`];
  const page = await openPage(browser, site.url(run, proxy.url, { transport }));
  await isOpen(page);
  const text = "Züge fahren nach 東京 und 😀 zurück. ".repeat(20);
  const writing = server.draft(run, text, { piece: 3, pauseMilliseconds: 10 });
  for (const cut of range(1, 4)) {
    await page.waitForFunction(
      (length) => (document.querySelector('[aria-label="Draft"]')?.textContent?.length ?? 0) > length,
      cut * 100,
    );
    proxy.cut();
  }
  await writing;
  await shown(page, "Draft status", "complete");
  expect(await page.getByLabel("Draft", { exact: true }).textContent()).toBe(text);
  const { view } = await seen(page);
  expect(view.ids).toHaveLength(1);
  expect(view.gap).toBeNull();
}, 60_000);
