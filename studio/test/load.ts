/** `npm run load [-- <scenario>]`: measures Studio with many and large items, and prints a table. */
import type { Browser, Page } from "playwright-core";
import build from "./support/build.js";
import { openConnections } from "./support/connections.js";
import { measure, type Measurement, timeUntil } from "./support/measure.js";
import { Server } from "./support/server.js";
import { errorsOf, openStudio, startBrowser } from "./support/tab.js";

const FEED = "/messages/log";

interface Report {
  readonly firstRow: number;
  readonly phases: Readonly<Record<string, Measurement>>;
}

const SCENARIOS: Readonly<Record<string, (browser: Browser) => Promise<Report>>> = {
  "100,000 messages": async (browser) => {
    const server = await Server.start();
    server.publishMany("log", 100_000);
    await waitForMessages(server, 100_000);
    const page = await openStudio(browser, server.hello, "/tokens");
    const firstRow = await timeUntil(page, ".grid-body .grid-row", () => go(page, FEED));
    const scroll = await measure(page, () => scrollDown(page, 40));
    const search = await measure(page, async () => {
      await page.getByRole("searchbox", { name: "Search messages" }).fill("none of them");
      await page.getByText(/None of the .* messages matches/).waitFor({ timeout: 120_000 });
    });
    const found = await measure(page, async () => {
      await page.getByRole("searchbox", { name: "Search messages" }).pressSequentially("9", { delay: 100 });
      await page.getByRole("searchbox", { name: "Search messages" }).fill("");
      await page.waitForTimeout(1000);
    });
    return done(page, server, { firstRow, phases: { scroll, search, "end the search": found } });
  },
  "a run with 5,000 steps": async (browser) => {
    const server = await Server.start();
    server.startImport("run_load", 5000);
    await waitFor(async () => (await server.admin<{ state?: string }>("run?run_id=run_load")).state === "completed");
    const page = await openStudio(browser, server.hello, "/tokens");
    let firstRow = 0;
    const open = await measure(page, async () => {
      firstRow = await timeUntil(page, ".grid-body .grid-row", () => go(page, "/runs/run_load"));
      await page.waitForTimeout(500);
    });
    const scroll = await measure(page, () => scrollDown(page, 20));
    const refresh = await measure(page, () => page.waitForTimeout(11_000));
    return done(page, server, { firstRow, phases: { open, scroll, refresh } });
  },
  "an executing run with 5,000 steps": async (browser) => {
    const server = await Server.start();
    const page = await openStudio(browser, server.hello, "/tokens");
    server.startImport("run_load", 5000);
    await waitFor(async () => (await server.admin<{ state?: string }>("run?run_id=run_load")).state !== undefined);
    const firstRow = await timeUntil(page, ".grid-body .grid-row", () => go(page, "/runs/run_load"));
    const watch = await measure(page, async () => {
      await page.getByRole("main").getByText("Completed", { exact: true }).waitFor({ timeout: 60_000 });
    });
    return done(page, server, { firstRow, phases: { watch } });
  },
  "a payload of 1 MiB": async (browser) => {
    const server = await Server.start();
    // 1 MiB with the other members.
    await server.publish("pipeline:run_load", "x".repeat(1024 * 1024 - 60));
    const page = await openStudio(browser, server.hello, "/tokens");
    const firstRow = await timeUntil(page, ".grid-body .grid-row", () => go(page, "/messages/pipeline%3Arun_load"));
    const inspect = await measure(page, async () => {
      await page.locator(".grid-body .grid-row").first().click();
      await page.getByRole("complementary", { name: "Message" }).waitFor();
      await page.waitForTimeout(500);
    });
    const whole = await measure(page, async () => {
      await page.getByRole("button", { name: "Show more" }).click();
      await page.waitForTimeout(1000);
    });
    const form = await measure(page, async () => {
      await page.getByRole("link", { name: "Publish again" }).click();
      await page.getByText("Valid", { exact: true }).waitFor();
      await page.getByLabel("progress").fill("2");
      await page.getByText("Valid", { exact: true }).waitFor();
    });
    return done(page, server, { firstRow, phases: { inspect, "show more": whole, form } });
  },
  "10,000 connections": async (browser) => {
    const server = await Server.start();
    const connections = await openConnections(server, 10_000);
    const page = await openStudio(browser, server.hello, "/tokens");
    const firstRow = await timeUntil(page, ".grid-body .grid-row", () => go(page, "/health"));
    const scroll = await measure(page, () => scrollDown(page, 60));
    const refresh = await measure(page, () => page.waitForTimeout(5000));
    connections.close();
    return done(page, server, { firstRow, phases: { scroll, refresh } });
  },
  "10,000 runs": async (browser) => {
    const server = await Server.start({ runs: 10_000 });
    const page = await openStudio(browser, server.hello, "/tokens");
    const firstRow = await timeUntil(page, ".grid-body .grid-row", () => go(page, "/runs"));
    const scroll = await measure(page, () => scrollDown(page, 60));
    const refresh = await measure(page, () => page.waitForTimeout(5000));
    return done(page, server, { firstRow, phases: { scroll, refresh } });
  },
  "1,000 messages per second": async (browser) => {
    const server = await Server.start();
    const page = await openStudio(browser, server.hello, FEED);
    await page.getByText("Live", { exact: true }).waitFor();
    const firstRow = await timeUntil(page, ".grid-body .grid-row", async () => server.publishMany("log", 15_000, 1000));
    const live = await measure(page, () => page.waitForTimeout(14_000));
    await page.getByRole("grid").getByText('"Message 14999"').waitFor({ timeout: 60_000 });
    return done(page, server, { firstRow, phases: { live } });
  },
};

async function main(only = ""): Promise<void> {
  build();
  const browser = await startBrowser();
  try {
    for (const [name, run] of Object.entries(SCENARIOS)) {
      if (name.includes(only)) print(name, await run(browser));
    }
  } finally {
    await browser.close();
  }
}

function print(name: string, { firstRow, phases }: Report): void {
  console.log(`\n${name}: first row after ${firstRow} ms`);
  for (const [phase, { frames, longTasks, heapMiB, nodes }] of Object.entries(phases)) {
    const tasks = longTasks.length === 0 ? "none" : `${longTasks.length}, longest ${longTasks.slice(0, 5).join(", ")} ms`;
    const { count, p50, p95, longest } = frames;
    console.log(`  ${phase}: ${count} frames, p50 ${p50} p95 ${p95} longest ${longest} ms; tasks > 50 ms: ${tasks}; heap ${heapMiB} MiB; ${nodes} elements`);
  }
}

async function done(page: Page, server: Server, report: Report): Promise<Report> {
  const errors = errorsOf(page);
  await page.context().close();
  await server.stop();
  if (errors.length > 0) throw new Error(errors.join("\n"));
  return report;
}

async function go(page: Page, path: string): Promise<void> {
  await page.evaluate((hash) => (location.hash = hash), path);
}

async function scrollDown(page: Page, times: number): Promise<void> {
  await page.getByRole("grid").first().focus();
  for (let time = 0; time < times; time += 1) {
    await page.keyboard.press("End");
    await page.waitForTimeout(100);
  }
}

/** Waits until the channel has this many messages. */
async function waitForMessages(server: Server, count: number): Promise<void> {
  await waitFor(async () => {
    const { items } = await server.admin<{ items: { payload: { message: string } }[] }>("history?channel=log&limit=1");
    return items[0]?.payload.message === `Message ${count - 1}`;
  });
}

async function waitFor(isReady: () => Promise<boolean>): Promise<void> {
  for (let time = 0; time < 1200; time += 1) {
    if (await isReady()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("the server was not ready in two minutes");
}

await main(process.argv[2]);
