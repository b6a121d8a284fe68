import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Server } from "./support/server.js";
import { errorsOf, openPage, openStudio, startBrowser } from "./support/tab.js";

let server: Server;
let browser: Browser;

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start({ inMemory: true }), startBrowser()]);
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

test("a wrong key is refused, and nothing else is shown", async () => {
  const page = await openPage(browser, server.hello);
  await page.getByLabel("Signing key or admin token").fill("signkey-test-ffffffffffffffffffffffffffffffff");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("The server does not accept this key or token.").waitFor();
  expect(await page.getByRole("navigation").count()).toBe(0);
});

test("the key is kept in memory, or until the tab is closed if the user ticks the box", async () => {
  const page = await openStudio(browser, server.hello);
  expect(await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]))).not.toContain("signkey");
  await page.reload();
  await page.getByLabel("Signing key or admin token").fill(server.hello.signingKey);
  await page.getByLabel("Remember it until this tab is closed").check();
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("navigation").waitFor();
  await page.reload();
  await page.getByRole("navigation").waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.reload();
  await page.getByRole("button", { name: "Sign in" }).waitFor();
});

test("a server without a file says that its storage is memory, and has runs", async () => {
  const other = await Server.start({ inMemory: true, samples: true });
  const page = await openStudio(browser, other.hello);
  await page.getByText("· memory").waitFor();
  await page.getByRole("gridcell").getByText("Completed", { exact: true }).first().waitFor();
  expect(errorsOf(page)).toEqual([]);
});

test("an unreachable server is reported, and the page recovers", async () => {
  const other = await Server.start({ inMemory: true });
  const page = await openStudio(browser, other.hello, "/health");
  await page.context().setOffline(true);
  await page.getByText("The server cannot be reached.").first().waitFor();
  await page.context().setOffline(false);
  await page.getByText("The server cannot be reached.").first().waitFor({ state: "detached" });
  await other.stop();
});

test("the page has a strict security policy", async () => {
  const response = await fetch(`${server.hello.url}/studio`);
  expect(response.headers.get("cache-control")).toBe("no-store");
  expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  const policy = response.headers.get("content-security-policy") ?? "";
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toContain("unsafe");
});

test("a hub without admin routes has no Studio", async () => {
  const closed = await Server.start({ inMemory: true, withoutAdmin: true });
  for (const path of ["", "/", "/studio.js", "/studio.css"]) {
    expect((await fetch(`${closed.hello.url}/studio${path}`)).status).toBe(404);
  }
  await closed.stop();
});

test("the theme follows the system, and can be switched", async () => {
  const page = await openStudio(browser, server.hello, "", { colorScheme: "dark" });
  const scheme = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await scheme();
  await page.getByRole("button", { name: "Theme: system" }).click();
  const light = await scheme();
  await page.getByRole("button", { name: "Theme: light" }).click();
  expect(await scheme()).toBe(dark);
  expect(light).not.toBe(dark);
});

test("a link signs in, asks before it replaces another key, and does not stay in the URL", async () => {
  const page = await openPage(browser, server.hello, `key=${server.hello.adminToken}&view=health?show=all`);
  await page.getByRole("heading", { name: "Health" }).waitFor();
  expect(page.url()).toBe(`${server.hello.url}/studio#/health?show=all`);
  await page.reload();
  await page.getByRole("heading", { name: "Health" }).waitFor();
  const openLink = () => page.evaluate(() => (location.hash = "#key=signkey-test-00&view=runs"));
  page.once("dialog", (dialog) => void dialog.dismiss());
  await openLink();
  await page.getByRole("heading", { name: "Runs" }).waitFor();
  page.once("dialog", (dialog) => void dialog.accept());
  await openLink();
  await page.getByText("The server no longer accepts this key or token.").waitFor();
  expect(page.url()).not.toContain("key=");
});
