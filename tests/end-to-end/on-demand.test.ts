import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRealtime } from "fanfare/server";
import type { Browser, Page } from "playwright-core";
import { build } from "vite";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { pipeline } from "../../generated/typescript/pipeline.js";
import { startBrowser } from "./support/browser.js";
import { has, isOpen, openPage, seen, shown } from "./support/page.js";
import { Proxy } from "./support/proxy.js";
import { Server } from "./support/server.js";
import { Site } from "./support/site.js";
import { range, until } from "./support/wait.js";

/** The code that pages load on demand, by the start of its file's name. */
const EVENT_STREAMS = "shared-sse";
const SIGNALS = "send-now";

let folder: string;
let server: Server;
let browser: Browser;
let site: Site;
let proxy: Proxy;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "fanfare-on-demand-"));
  server = await Server.start({ storage: join(folder, "storage.db") });
  proxy = await Proxy.start(server.url);
  const backend = createRealtime({ apiBaseUrl: server.url, signingKey: server.signingKey });
  site = await Site.start((runId) => backend.token(pipeline({ runId }), { signals: ["approve"] }));
  browser = await startBrowser();
});

beforeEach(() => {
  proxy.blocksWebSockets = false;
});

afterAll(async () => {
  await browser?.close();
  site?.stop();
  proxy?.stop();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("a page whose WebSocket opens loads no code for event streams, and that for signals once it is subscribed", async () => {
  const page = await openPage(browser, "about:blank");
  const requested = requestsOf(page);
  await page.goto(site.url("run_first", proxy.url));
  await isOpen(page);
  await until("the code for signals was requested", () => requested.some((name) => name.startsWith(SIGNALS)));
  expect(requested.filter((name) => name.startsWith(EVENT_STREAMS))).toEqual([]);
});

test("while the code for event streams does not load, the page reports it and retries, and loses no message", async () => {
  proxy.blocksWebSockets = true;
  const run = "run_late";
  await server.tokens(run, { count: 3 });
  const page = await openPage(browser, "about:blank");
  const network = await hold(page, EVENT_STREAMS);
  await page.goto(site.url(run, proxy.url));
  await page.waitForFunction(() => window.seen.view.error?.includes("the code for event streams did not load"));
  expect(await seen(page)).toMatchObject({ view: { connectionStatus: "connecting" } });
  await server.tokens(run, { from: 3, count: 3 });
  await until("it was requested again", () => network.requests > 2);
  network.isUp = true;
  await isOpen(page);
  await server.tokens(run, { from: 6, count: 3 });
  await has(page, 9);
  expect((await seen(page)).view).toMatchObject({ indexes: range(0, 9), error: null, gap: null });
});

test("a signal waits for its code, and is sent once", async () => {
  const run = "run_signal";
  await server.review(run);
  const page = await openPage(browser, "about:blank");
  const network = await hold(page, SIGNALS);
  const requested = requestsOf(page);
  await page.goto(site.url(run, server.url));
  await isOpen(page);
  await page.getByRole("button", { name: "Approve" }).click();
  await until("it was requested again", () => network.requests > 2);
  network.isUp = true;
  await shown(page, "Verdict", "accepted");
  expect(requested.filter((name) => name === "signal")).toHaveLength(1);
});

test("a signal whose code never loads fails as if the server were unreachable", async () => {
  const page = await openPage(browser, "about:blank");
  await hold(page, SIGNALS);
  await page.goto(site.url("run_gone", server.url));
  await isOpen(page);
  await page.getByRole("button", { name: "Approve" }).click();
  await page.getByText(/^unavailable: The signal "approve" to "pipeline:run_gone" failed: the code for signals did not load: ./u).waitFor();
});

test("a worker that is bundled into one file reads an event stream", async () => {
  const run = "run_worker";
  const outDir = join(folder, "worker");
  await build({
    configFile: false,
    logLevel: "silent",
    build: {
      outDir,
      rolldownOptions: {
        input: join(import.meta.dirname, "on-demand/worker.ts"),
        output: { format: "es", codeSplitting: false, entryFileNames: "worker.js" },
      },
    },
  });
  writeFileSync(join(outDir, "index.html"), "<!doctype html>");
  const workers = await Site.start((id) => server.token(id), outDir);
  onTestFinished(() => workers.stop());
  const page = await openPage(browser, workers.origin);
  const query = new URLSearchParams({ run, token: await server.token(run), api: server.url });
  await page.evaluate((search) => {
    const received: unknown[] = [];
    Object.assign(window, { received });
    new Worker(`/worker.js?${search}`, { type: "module" }).onmessage = ({ data }) => received.push(data);
  }, query.toString());
  const received = (): Promise<unknown[]> => page.evaluate(() => (window as unknown as { received: unknown[] }).received);
  await until("it has subscribed", async () => (await received()).includes("subscribed"));
  await server.tokens(run, { count: 3 });
  await until("all have come", async () => (await received()).length === 4);
  expect(await received()).toEqual(["subscribed", 0, 1, 2]);
});

/** Returns the last segments of the paths that a page requests from now on. */
function requestsOf(page: Page): string[] {
  const names: string[] = [];
  page.on("request", (request) => names.push(new URL(request.url()).pathname.split("/").at(-1) ?? ""));
  return names;
}

/** Answers requests for a script with 503 until `isUp`. */
async function hold(page: Page, name: string): Promise<{ requests: number; isUp: boolean }> {
  const network = { requests: 0, isUp: false };
  await page.route(`**/${name}*`, async (route) => {
    network.requests += 1;
    await (network.isUp ? route.continue() : route.fulfill({ status: 503 }));
  });
  return network;
}
