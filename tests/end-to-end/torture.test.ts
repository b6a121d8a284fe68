import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startBrowser } from "./support/browser.js";
import { seen } from "./support/page.js";
import { Proxy } from "./support/proxy.js";
import { Server } from "./support/server.js";
import { Site } from "./support/site.js";
import { pause, range } from "./support/wait.js";

const RUN = "run_torture";
let folder: string;
/** The current server. Pending during a restart. */
let server: Promise<Server>;
let proxy: Proxy;
let site: Site;
let browser: Browser;
let context: BrowserContext;
const tabs: Page[] = [];
/** The number of errors that the page's handlers throw on purpose. */
let thrown = 0;
/** All other uncaught errors. */
const errors: string[] = [];
let published = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fanfare-torture-"));
  server = start();
  proxy = await Proxy.start((await server).url);
  site = await Site.start(mint);
  browser = await startBrowser();
  context = await browser.newContext();
});
afterAll(async () => {
  await browser?.close();
  site?.stop();
  proxy?.stop();
  await (await server)?.stop();
  await rm(folder, { recursive: true, force: true });
});

function start(): Promise<Server> {
  return Server.start({ storage: join(folder, "fanfare.db") });
}

/** Returns a token. During a restart, waits for the next server. */
async function mint(run: string): Promise<string> {
  const current = await server;
  return current.token(run).catch(async () => (await server).token(run));
}

/** Publishes a number of messages, one every 10 milliseconds, while `action` runs. */
async function publishWhile(count: number, action: () => Promise<unknown>): Promise<void> {
  const from = published;
  published += count;
  const publishing = (await server).statuses(RUN, { from, count, pauseMilliseconds: 10 });
  await pause(100);
  await action();
  await publishing;
}

async function open(transport: "websocket" | "sse"): Promise<void> {
  const tab = await context.newPage();
  tab.on("pageerror", ({ message }) => void (message === "thrown on purpose" ? (thrown += 1) : errors.push(message)));
  await tab.goto(site.url(RUN, proxy.url, { transport, throws: "" }));
  tabs.push(tab);
}

async function close(index: number): Promise<void> {
  await tabs.splice(index, 1)[0]?.close();
}

async function setLifecycle(state: "frozen" | "active", ...indexes: number[]): Promise<void> {
  for (const tab of indexes.map((index) => tabs[index] as Page)) {
    const devtools = await context.newCDPSession(tab);
    await devtools.send("Page.setWebLifecycleState", { state });
    await devtools.detach();
  }
}

async function restart(end: (current: Server) => Promise<void>): Promise<void> {
  const current = await server;
  const next = end(current).then(start);
  server = next;
  proxy.up((await next).url);
}

/** Expects that the tab shows each message once and in order, except those in a gap. */
async function expectComplete(tab: Page): Promise<void> {
  const last = published - 1;
  await tab.waitForFunction((index) => window.seen.view.indexes.at(-1) === index, last, { timeout: 60_000 });
  const { view, deltas } = await seen(tab);
  const [first = 0] = view.indexes;
  const expected = range(first, published);
  expect(deltas.flat()).toEqual(view.ids);
  expect(view).toMatchObject({ connectionStatus: "open", error: null });
  if (view.gap === null) {
    expect(view.indexes).toEqual(expected);
  } else {
    expect(view.indexes).toEqual(expected.filter((index) => view.indexes.includes(index)));
  }
}

test("eight tabs show each message once and in order while tabs, network and server fail", async () => {
  for (const transport of ["websocket", "sse", "sse", "websocket", "sse", "websocket", "sse", "websocket"] as const) {
    await open(transport);
  }
  await publishWhile(50, async () => {});
  // The tab at 1 leads: it holds the event stream of the other tabs that use one.
  await publishWhile(50, () => setLifecycle("frozen", 0, 1));
  await publishWhile(50, async () => proxy.cut());
  await publishWhile(50, () => setLifecycle("active", 0, 1));
  await publishWhile(50, async () => {
    await close(2);
    await open("sse");
  });
  await restart((current) => current.shutdown());
  await publishWhile(50, () => setLifecycle("frozen", 2, 3, 4));
  await restart((current) => current.kill());
  await publishWhile(50, async () => {
    await close(1);
    await open("websocket");
  });
  await publishWhile(50, async () => {
    proxy.cut();
    await setLifecycle("active", 1, 2, 3);
    proxy.cut();
  });
  await restart((current) => current.kill());
  await publishWhile(50, async () => {
    await close(0);
    proxy.cut();
  });
  for (const tab of tabs) {
    await expectComplete(tab);
  }
  expect(errors).toEqual([]);
  expect(thrown).toBeGreaterThan(published);
}, 240_000);
