import type { Browser, Page } from "playwright-core";
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
let proxy: Proxy;

beforeAll(async () => {
  server = await Server.start();
  proxy = await Proxy.start(server.url);
  site = await Site.start((run) => server.token(run));
  browser = await startBrowser();
});

afterAll(async () => {
  await browser?.close();
  site?.stop();
  proxy?.stop();
  await server?.stop();
});

test("messages are typed and validated, by topic and in order, over one connection in StrictMode", async () => {
  const [tokens, connections] = [site.tokens, proxy.connections];
  const page = await open("run_typed");
  await isOpen(page);
  const first = await server.status("run_typed", "Writing");
  await shown(page, "Message", "WRITING");
  await server.tokens("run_typed", { count: 3 });
  await shown(page, "Text", "xxx");
  const second = await server.status("run_typed", "Still writing");
  await shown(page, "Message", "STILL WRITING");

  const { view, deltas, statuses } = await seen(page);
  expect(view.ids).toHaveLength(5);
  expect(view.ids).toEqual([...view.ids].sort());
  expect(view.ids[0]).toBe(first);
  expect(view.byTopic).toEqual({ status: second, tokens: view.ids[3] });
  expect(view.last).toBe(second);
  expect(deltas.flat()).toEqual(view.ids);
  expect(deltas.at(-1)).toEqual([second]);
  expect(statuses).toEqual(["idle", "connecting", "open"]);
  expect(view).toMatchObject({ runStatus: "running", isPaused: false, error: null, gap: null });
  expect(site.tokens - tokens).toBe(1);
  expect(proxy.connections - connections).toBe(1);
});

test("after a lost connection, no message is lost, repeated or out of order", async () => {
  const page = await open("run_cut");
  await isOpen(page);
  const publishing = server.statuses("run_cut", { count: 900, pauseMilliseconds: 2 });
  for (const part of range(1, 6)) {
    await page.waitForFunction((count) => window.seen.view.indexes.length > count, part * 100);
    await isOpenAgain(page, part);
    proxy.cut();
  }
  await publishing;
  await has(page, 900);
  await isOpenAgain(page, 6);
  const { view, deltas, statuses } = await seen(page);
  expect(view.indexes).toEqual(range(0, 900));
  expect(deltas.flat()).toEqual(view.ids);
  expect(view.gap).toBeNull();
  expect(statuses.filter((status) => status === "open").length).toBeGreaterThan(5);
  expect(statuses.slice(0, 6)).toEqual(["idle", "connecting", "open", "connecting", "open", "connecting"]);
});

test("a browser that was offline receives everything that was published meanwhile", async () => {
  const page = await open("run_offline");
  await isOpen(page);
  await server.statuses("run_offline", { count: 10 });
  await has(page, 10);
  await page.context().setOffline(true);
  proxy.down();
  await page.waitForFunction(() => window.seen.view.error !== null);
  expect((await seen(page)).view.connectionStatus).toBe("connecting");
  await server.statuses("run_offline", { from: 10, count: 500 });
  proxy.up();
  await page.context().setOffline(false);
  await has(page, 510);
  const { view } = await seen(page);
  expect(view.indexes).toEqual(range(0, 510));
  expect(view).toMatchObject({ connectionStatus: "open", gap: null, error: null });
});

test("a page that reconnects too late shows the gap", async () => {
  const page = await open("run_late");
  await isOpen(page);
  await server.statuses("run_late", { count: 5 });
  await has(page, 5);
  proxy.down();
  await server.statuses("run_late", { from: 5, count: 1200 });
  proxy.up();
  await has(page, 1005);
  const { view } = await seen(page);
  expect(view.indexes).toEqual([...range(0, 5), ...range(205, 1205)]);
  expect(view.gap).toMatchObject({ after: view.ids[4], before: view.ids[5] });
});

test("a hidden tab disconnects, and receives everything when it is visible again", async () => {
  const tab = await Tab.open(site.url("run_hidden", proxy.url));
  onTestFinished(() => tab.close());
  await tab.until('window.seen?.view.connectionStatus === "open"');
  await server.statuses("run_hidden", { count: 3 });
  await tab.until("seen.view.indexes.length === 3");
  await tab.hide();
  await tab.until('seen.view.connectionStatus === "paused"');
  expect((await seenIn(tab)).view).toMatchObject({ isPaused: true, pauseReason: "hidden" });
  await until("it has disconnected", () => proxy.open === 0);
  const connections = proxy.connections;
  await server.statuses("run_hidden", { from: 3, count: 300 });
  expect((await seenIn(tab)).view.indexes).toEqual(range(0, 3));
  await tab.show();
  await tab.until("seen.view.indexes.length === 303");
  const { view, statuses } = await seenIn(tab);
  expect(view.indexes).toEqual(range(0, 303));
  expect(view).toMatchObject({ connectionStatus: "open", isPaused: false, pauseReason: null });
  expect(statuses).toEqual(["idle", "connecting", "open", "paused", "connecting", "open"]);
  expect(proxy.connections - connections).toBe(1);
});

test("a disabled hook pauses, and resumes where it stopped", async () => {
  const page = await open("run_disabled");
  await isOpen(page);
  await server.statuses("run_disabled", { count: 3 });
  await has(page, 3);
  await page.getByRole("button", { name: "Disable" }).click();
  await shown(page, "Status", "paused");
  expect((await seen(page)).view).toMatchObject({ isPaused: true, pauseReason: "disabled" });
  await server.statuses("run_disabled", { from: 3, count: 50 });
  await page.getByRole("button", { name: "Enable" }).click();
  await has(page, 53);
  expect((await seen(page)).view.indexes).toEqual(range(0, 53));
});

test("reset clears the messages and keeps the connection", async () => {
  const page = await open("run_reset");
  await isOpen(page);
  await server.tokens("run_reset", { count: 3 });
  await has(page, 3);
  const connections = proxy.connections;
  await page.getByRole("button", { name: "Reset" }).click();
  await has(page, 0);
  expect((await seen(page)).view).toMatchObject({ byTopic: {}, last: null, connectionStatus: "open" });
  await server.tokens("run_reset", { from: 3, count: 2 });
  await has(page, 2);
  expect((await seen(page)).view.indexes).toEqual([3, 4]);
  expect(proxy.connections).toBe(connections);
});

test("after a change of channel, the hook shows the retained messages of the new one", async () => {
  await server.tokens("run_nextb", { from: 100, count: 2 });
  const page = await open("run_next");
  await isOpen(page);
  await server.tokens("run_next", { count: 3 });
  await has(page, 3);
  await page.getByRole("button", { name: "Next run" }).click();
  await has(page, 2);
  await server.tokens("run_next", { from: 3, count: 3 });
  await server.tokens("run_nextb", { from: 102, count: 1 });
  await has(page, 3);
  expect((await seen(page)).view.indexes).toEqual([100, 101, 102]);
});

test("everything works under a strict content security policy, without any attempt to compile code", async () => {
  const { host } = new URL(proxy.url);
  site.contentSecurityPolicy = `default-src 'none'; script-src 'self'; connect-src 'self' ws://${host}`;
  onTestFinished(() => void (site.contentSecurityPolicy = ""));
  const run = "run_csp";
  const page = await open(run);
  await isOpen(page);
  await server.status(run, "Writing");
  await server.tokens(run, { count: 3 });
  await shown(page, "Message", "WRITING");
  await shown(page, "Text", "xxx");
  const last = await seen(page);
  expect(last.view.error).toBeNull();
  expect(last.violations).toEqual([]);
});

function open(run: string): Promise<Page> {
  return openPage(browser, site.url(run, proxy.url));
}

function seenIn(tab: Tab): Promise<Seen> {
  return tab.evaluate<Seen>("window.seen");
}
