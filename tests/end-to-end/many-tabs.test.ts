import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { startBrowser } from "./support/browser.js";
import { has, isOpen, seen } from "./support/page.js";
import { Proxy } from "./support/proxy.js";
import { Server } from "./support/server.js";
import { Site } from "./support/site.js";
import { range, until } from "./support/wait.js";

const TABS = 8;
let server: Server;
let browser: Browser;
let site: Site;
/** Between the tabs and the server, over HTTP/1.1. */
let proxy: Proxy;
let context: BrowserContext;

beforeAll(async () => {
  server = await Server.start();
  site = await Site.start((run) => server.token(run));
  browser = await startBrowser();
});
afterAll(async () => {
  await browser?.close();
  site?.stop();
  await server?.stop();
});
beforeEach(async () => {
  proxy = await Proxy.start(server.url);
  context = await browser.newContext();
  onTestFinished(async () => {
    await context.close();
    proxy.stop();
  });
});

/** Opens tabs, one after another. The first one leads. */
async function openTabs(run: string, count = TABS, api = proxy.url): Promise<Page[]> {
  const tabs: Page[] = [];
  for (const _ of range(0, count)) {
    const tab = await context.newPage();
    await tab.goto(site.url(run, api, { transport: "sse" }));
    await isOpen(tab);
    tabs.push(tab);
  }
  return tabs;
}

/** Expects each message once and in order, in every tab. */
async function expectAll(tabs: readonly Page[], count: number): Promise<void> {
  for (const tab of tabs) {
    await has(tab, count);
    const { view, deltas } = await seen(tab);
    expect(view.indexes).toEqual(range(0, count));
    expect(deltas.flat()).toEqual(view.ids);
    expect(view).toMatchObject({ connectionStatus: "open", gap: null, error: null });
  }
}

/** Returns the milliseconds of the fastest of some requests to the server. */
function fetchTime(tab: Page): Promise<number> {
  return tab.evaluate(async (url) => {
    const times: number[] = [];
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const start = performance.now();
      await fetch(url, { mode: "no-cors", cache: "no-store" });
      times.push(performance.now() - start);
    }
    return Math.min(...times);
  }, `${proxy.url}/v1/realtime/healthz`);
}

test("eight tabs share one event stream, and their other requests are answered at once", async () => {
  const tabs = await openTabs("run_tabs");
  await server.statuses("run_tabs", { count: 300, pauseMilliseconds: 2 });
  await expectAll(tabs, 300);
  await until("one stream is open", () => proxy.open === 1);
  for (const tab of tabs) {
    // If event streams held all of a browser's connections, no request would be answered.
    expect(await fetchTime(tab)).toBeLessThan(5_000);
  }
}, 120_000);

test("tabs that share an event stream receive only the messages of their own channel", async () => {
  const [some, others] = [await openTabs("run_some", 3), await openTabs("run_others", 3)];
  await Promise.all([
    server.statuses("run_some", { count: 100, pauseMilliseconds: 2 }),
    server.statuses("run_others", { count: 50, pauseMilliseconds: 3 }),
  ]);
  await expectAll(some, 100);
  await expectAll(others, 50);
}, 120_000);

test("tabs of another server have their own stream, and a closed tab is unsubscribed", async () => {
  const other = await Proxy.start(server.url);
  onTestFinished(() => other.stop());
  const [some, others] = [await openTabs("run_here", 2), await openTabs("run_there", 2, other.url)];
  await until("each server has one stream", () => proxy.open === 1 && other.open === 1);
  await Promise.all([server.statuses("run_here", { count: 50 }), server.statuses("run_there", { count: 50 })]);
  await expectAll([...some], 50);
  await expectAll(others, 50);
  const opened = other.eventStreams;
  await others.pop()?.close();
  // The subscriptions of a stream are fixed when it is opened.
  await until("another stream is opened without it", () => other.eventStreams === opened + 1);
  await others.pop()?.close();
  await until("the last tab has closed the stream", () => other.open === 0);
}, 120_000);

test.each(["closed", "crashed", "frozen"])("if the leading tab is %s, the others lose and repeat no message", async (how) => {
  const run = `run_${how}`;
  const tabs = await openTabs(run);
  const publishing = server.statuses(run, { count: 600, pauseMilliseconds: 5 });
  for (const part of range(1, 4)) {
    await tabs.at(-1)?.waitForFunction((count) => window.seen.view.indexes.length > count, part * 100);
    const leader = tabs.shift() as Page;
    if (how === "closed") {
      await leader.close();
    } else {
      const devtools = await context.newCDPSession(leader);
      const ended = how === "crashed" ? leader.waitForEvent("crash") : undefined;
      const command = how === "crashed" ? devtools.send("Page.crash") : devtools.send("Page.setWebLifecycleState", { state: "frozen" });
      await (ended ?? command);
      command.catch(() => {});
    }
  }
  await publishing;
  await expectAll(tabs, 600);
}, 120_000);

test("tabs do not wait for a leading tab that does not answer", async () => {
  const [leader] = await openTabs("run_blocked", 1);
  // A busy script, as in an endless loop.
  const busy = leader?.evaluate(() => {
    const end = performance.now() + 8_000;
    while (performance.now() < end);
  });
  busy?.catch(() => {});
  const tabs = await openTabs("run_blocked", 2);
  await server.statuses("run_blocked", { count: 20 });
  await expectAll(tabs, 20);
}, 120_000);
