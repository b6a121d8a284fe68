import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { build } from "vite";
import { startBrowser } from "./support/browser.js";
import { openPage, shown } from "./support/page.js";
import { artifact } from "./support/paths.js";
import { Proxy } from "./support/proxy.js";
import { Server } from "./support/server.js";
import { Site } from "./support/site.js";

type Mode = "development" | "production";

let folder: string;
let server: Server;
let browser: Browser;
let proxy: Proxy;
let sites: Readonly<Record<Mode, Site>>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "fanfare-overlay-"));
  server = await Server.start();
  proxy = await Proxy.start(server.url);
  sites = { development: await startSite("development"), production: await startSite("production") };
  browser = await startBrowser();
});

afterAll(async () => {
  await browser?.close();
  sites?.development.stop();
  sites?.production.stop();
  proxy?.stop();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("in development, the overlay shows gaps and drifts, under a strict content security policy", async () => {
  const { host } = new URL(proxy.url);
  sites.development.contentSecurityPolicy = `default-src 'none'; script-src 'self'; connect-src 'self' ws://${host}`;
  const page = await openWithGap("development", "run_dev");
  const overlay = page.getByRole("region", { name: "Fanfare" });
  await overlay.getByText("Unknown definition: pipeline:run_dev").waitFor();
  await overlay.getByText(/Missed messages: pipeline:run_dev/u).waitFor();
  await page.screenshot({ path: artifact("overlay.png") });
  await overlay.getByRole("button", { name: "Dismiss" }).click();
  await overlay.waitFor({ state: "detached" });
});

test("in production, the same page shows no overlay, and its bundle has no part of it", async () => {
  const page = await openWithGap("production", "run_prod");
  expect(await page.locator("fanfare-overlay").count()).toBe(0);
  expect(bundle("development")).toContain("fanfare-overlay");
  expect(bundle("production")).not.toContain("fanfare-overlay");
});

/** Opens a page whose definition the server does not know, and which reconnects after its messages are gone. */
async function openWithGap(mode: Mode, run: string): Promise<Page> {
  const page = await openPage(browser, `${sites[mode].url(run, proxy.url)}&drift`);
  await server.tokens(run, { count: 2 });
  await shown(page, "Messages", "2");
  proxy.down();
  await server.statuses(run, { count: 1200 });
  proxy.up();
  await page.waitForFunction(() => Number(document.querySelector("[aria-label=Messages]")?.textContent) >= 1002);
  return page;
}

async function startSite(mode: Mode): Promise<Site> {
  vi.stubEnv("NODE_ENV", mode);
  const root = join(import.meta.dirname, "overlay");
  await build({ root, mode, configFile: false, logLevel: "silent", build: { outDir: join(folder, mode) } });
  vi.unstubAllEnvs();
  return Site.start((run) => server.token(run), join(folder, mode));
}

function bundle(mode: Mode): string {
  const assets = join(folder, mode, "assets");
  return readdirSync(assets).map((file) => readFileSync(join(assets, file), "utf8")).join("");
}
