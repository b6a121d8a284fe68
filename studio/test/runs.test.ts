import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Server } from "./support/server.js";
import { errorsOf, openStudio, scrollTo, startBrowser } from "./support/tab.js";

let server: Server;
let browser: Browser;

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start({ runs: 300, samples: true }), startBrowser()]);
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

test("all runs are listed as the user scrolls, with few rows in the document", async () => {
  const page = await openStudio(browser, server.hello);
  const grid = page.getByRole("grid", { name: "Runs" });
  await grid.getByText("run_review", { exact: true }).waitFor();
  await scrollTo(page, grid, grid.getByText("run_greet0", { exact: true }));
  expect(Number(await grid.getAttribute("aria-rowcount"))).toBe(308);
  expect(await grid.getByRole("row").count()).toBeLessThan(80);
  expect(errorsOf(page)).toEqual([]);
});

test("a row is current, however far the user has scrolled", async () => {
  const many = await Server.start();
  many.startRun("review", "run_oldest");
  many.startRuns("greet", Array.from({ length: 700 }, (_, number) => `run_later${number}`));
  const page = await openStudio(browser, many.hello);
  const grid = page.getByRole("grid", { name: "Runs" });
  await scrollTo(page, grid, grid.getByText("run_oldest", { exact: true }));
  const row = grid.getByRole("row", { name: "run_oldest" });
  await row.getByText("Waiting", { exact: true }).waitFor();
  const signal = new URLSearchParams({ channel: "pipeline:run_oldest", name: "approve", run_id: "run_oldest" });
  expect((await many.fetch(`signal?${signal.toString()}`, { method: "POST", body: '{"verdict":"approve"}' })).status).toBe(200);
  await row.getByText("Completed", { exact: true }).waitFor();
  await many.stop();
});

test("filters are in the URL, and a new run appears by itself", async () => {
  const page = await openStudio(browser, server.hello, "/runs?job=remind");
  const grid = page.getByRole("grid", { name: "Runs" });
  await grid.getByText("run_remind", { exact: true }).waitFor();
  expect(await grid.getByText("run_review").count()).toBe(0);
  server.startRun("remind", "run_remind2");
  await grid.getByText("run_remind2", { exact: true }).waitFor();
  await page.getByLabel("State").selectOption("Failed");
  await page.getByText("No run matches these filters").waitFor();
  expect(page.url()).toContain("state=failed");
  await page.getByRole("link", { name: "Remove the filters" }).click();
  await grid.getByText("run_review", { exact: true }).waitFor();
});

test("the keyboard selects and opens a run, and returns", async () => {
  const page = await openStudio(browser, server.hello, "/runs?job=charge");
  await page.getByText("run_charge", { exact: true }).waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "run_charge" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("grid", { name: "Runs" }).waitFor();
});

test("a run is watched while it executes", async () => {
  server.startRun("translate", "run_watched");
  const page = await openStudio(browser, server.hello, "/runs/run_watched");
  await page.getByText("cool down").waitFor();
  await page.getByRole("main").getByText("Completed", { exact: true }).waitFor();
  expect(await page.getByRole("grid", { name: "Calls" }).getByText("translate").count()).toBe(4);
  await page.getByRole("tab", { name: "Messages" }).click();
  await page.getByText("Translated").waitFor();
});

test("a waiting run receives a signal from the form", async () => {
  server.startRun("review", "run_answered");
  const page = await openStudio(browser, server.hello, "/runs/run_answered");
  await page.getByText("This run waits for approve").waitFor();
  const asJson = page.getByRole("button", { name: "Edit as JSON" });
  if (await asJson.isVisible()) await asJson.click();
  await page.getByLabel("Payload of approve").fill('{"verdict": "edit", "text": "Better"}');
  await page.getByRole("button", { name: "Send approve" }).click();
  await page.getByRole("main").getByText("Completed", { exact: true }).waitFor();
  await page.getByLabel("Result").getByText("Better").waitFor();
});

test("a run is cancelled after a confirmation", async () => {
  server.startRun("remind", "run_cancelled");
  const page = await openStudio(browser, server.hello, "/runs/run_cancelled");
  await page.getByRole("button", { name: "Cancel" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("the run never continues").waitFor();
  await dialog.getByRole("button", { name: "Back" }).click();
  await page.getByRole("button", { name: "Cancel" }).click();
  await dialog.getByRole("button", { name: "Cancel the run" }).click();
  await page.getByRole("main").getByText("Cancelled", { exact: true }).waitFor();
  expect((await server.admin<{ state: string }>("run?run_id=run_cancelled")).state).toBe("cancelled");
});

test("a sleeping run is woken", async () => {
  server.startRun("remind", "run_woken");
  const page = await openStudio(browser, server.hello, "/runs/run_woken");
  await page.getByRole("button", { name: "Wake" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Wake the run" }).click();
  await page.getByRole("main").getByText("Completed", { exact: true }).waitFor();
});

test("a failed run is retried", async () => {
  server.startRun("charge", "run_retried");
  const page = await openStudio(browser, server.hello, "/runs/run_retried");
  await page.getByRole("main").getByText("Failed", { exact: true }).first().waitFor();
  await page.getByRole("button", { name: "Retry" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Retry the run" }).click();
  await page.getByText("The run continues.").waitFor();
});

test("a run is run again from a chosen call, which keeps the calls before it", async () => {
  server.startRun("charge", "run_again");
  const page = await openStudio(browser, server.hello, "/runs/run_again");
  await page.getByRole("grid", { name: "Calls" }).getByText("charge card").click();
  await page.getByRole("button", { name: "Run again from here" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Start the rerun" }).click();
  await page.getByText("Rerun of").waitFor();
  await page.getByRole("main").getByText("Failed", { exact: true }).first().waitFor();
  const id = decodeURIComponent(new URL(page.url()).hash.replace("#/runs/", ""));
  const rerun = await server.admin<{ rerun_of: unknown }>(`run?run_id=${id}`);
  expect(rerun.rerun_of).toEqual({ run_id: "run_again", call: "2" });
  const { items } = await server.admin<{ items: { topic?: string }[] }>("history?channel=pipeline:run_again&topic=status");
  expect(items).toHaveLength(1);
});
