import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRealtime } from "fanfare/server";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pipeline } from "../../generated/typescript/pipeline.js";
import { startBrowser } from "./support/browser.js";
import { isOpen, openPage, shown } from "./support/page.js";
import { artifact, builtFrameworks } from "./support/paths.js";
import { Proxy } from "./support/proxy.js";
import { Server } from "./support/server.js";
import { Site } from "./support/site.js";
import { range, until } from "./support/wait.js";

let folder: string;
let server: Server;
let browser: Browser;
let site: Site;
let proxy: Proxy;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "fanfare-frameworks-"));
  server = await Server.start({ storage: join(folder, "fanfare.db") });
  proxy = await Proxy.start(server.url);
  const backend = createRealtime({ apiBaseUrl: server.url, signingKey: server.signingKey });
  const mint = (runId: string) => backend.token(pipeline({ runId }), { signals: ["approve"], subject: "user_1" });
  site = await Site.start(mint, builtFrameworks);
  browser = await startBrowser();
});

afterAll(async () => {
  await browser?.close();
  site?.stop();
  proxy?.stop();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe.each(["vue", "svelte", "solid"])("a page with %s", (framework) => {
  test("shows the status of a run, and approves it", async () => {
    const run = `run_${framework}approve`;
    const page = await open(run);
    await isOpen(page);
    await server.review(run, { text: "Once upon a time" });
    await page.getByText("What do you think? (50%)").waitFor();
    const approve = page.getByRole("button", { name: "Approve" });
    await approve.waitFor();
    await page.screenshot({ path: artifact(`${framework}.png`) });
    await approve.click();
    await page.getByText("Thank you (50%)").waitFor();
    await approve.waitFor({ state: "detached" });
  });

  test("receives everything over one connection, also after it was lost", async () => {
    const run = `run_${framework}cut`;
    const connections = proxy.connections;
    const page = await open(run);
    await isOpen(page);
    expect(proxy.connections - connections).toBe(1);
    await server.tokens(run, { count: 150 });
    await has(page, range(0, 150));
    proxy.cut();
    await server.tokens(run, { from: 150, count: 50 });
    await has(page, range(0, 200));
  });

  test("follows its options: another run drops the messages, and a disabled subscription resumes", async () => {
    const run = `run_${framework}next`;
    await server.tokens(`${run}b`, { from: 100, count: 2 });
    await server.status(`${run}b`, "Second", 2);
    const page = await open(run);
    await isOpen(page);
    await server.status(run, "First", 1);
    await server.tokens(run, { count: 3 });
    await page.getByText("First (1%)").waitFor();
    await shown(page, "Latest", "First");
    await has(page, [0, 1, 2]);
    await page.getByRole("button", { name: "Next run" }).click();
    await page.getByText("Second (2%)").waitFor();
    await shown(page, "Latest", "Second");
    await has(page, [100, 101]);
    await page.getByRole("button", { name: "Disable" }).click();
    await shown(page, "Status", "paused");
    await server.tokens(`${run}b`, { from: 102, count: 1 });
    await server.tokens(run, { from: 3, count: 1 });
    await page.getByRole("button", { name: "Enable" }).click();
    await has(page, [100, 101, 102]);
  });

  test("disconnects when its components are removed", async () => {
    await until("earlier pages have disconnected", () => proxy.open === 0);
    const page = await open(`run_${framework}leave`);
    await isOpen(page);
    expect(proxy.open).toBe(1);
    await page.getByRole("button", { name: "Leave" }).click();
    await until("it has disconnected", () => proxy.open === 0);
  });

  function open(run: string): Promise<Page> {
    return openPage(browser, site.url(run, proxy.url, {}, `${framework}.html`));
  }
});

function has(page: Page, indexes: readonly number[]): Promise<void> {
  return shown(page, "Tokens", indexes.join(" "));
}
