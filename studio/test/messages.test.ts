import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Server } from "./support/server.js";
import { errorsOf, openStudio, scrollTo, startBrowser } from "./support/tab.js";

let server: Server;
let browser: Browser;

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start({ messages: 900 }), startBrowser()]);
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

function open(channel: string, bearer?: string): Promise<Page> {
  return openStudio(browser, server.hello, `/messages/${encodeURIComponent(channel)}`, bearer === undefined ? {} : { bearer });
}

test("past messages are loaded as the user scrolls", async () => {
  const page = await open("pipeline:run_messages");
  const grid = page.getByRole("grid");
  await grid.getByText("Message 899", { exact: false }).waitFor();
  await scrollTo(page, grid, page.getByText("This is the oldest message"));
  await scrollTo(page, grid, grid.getByText('"Message 0"', { exact: false }));
  expect(Number(await grid.getAttribute("aria-rowcount"))).toBe(901);
});

test("a paused list loses nothing when it resumes", async () => {
  const page = await open("pipeline:run_paused");
  await page.getByText("Live", { exact: true }).waitFor();
  await server.publish("pipeline:run_paused", "before");
  await page.getByRole("grid").getByText("before").waitFor();
  await page.getByRole("button", { name: "Pause" }).click();
  for (let number = 0; number < 250; number += 1) {
    await server.publish("pipeline:run_paused", `while paused ${number}`);
  }
  await page.getByRole("button", { name: "Resume (250 new)" }).waitFor();
  expect(await page.getByText("while paused").count()).toBe(0);
  await page.getByRole("button", { name: "Resume" }).click();
  await page.getByText("while paused 249").waitFor();
  expect(Number(await page.getByRole("grid").getAttribute("aria-rowcount"))).toBe(252);
});

test("a server that is killed and started again loses nothing", async () => {
  let other = await Server.start();
  const page = await openStudio(browser, other.hello, "/messages/pipeline%3Arun_killed");
  await page.getByText("Live", { exact: true }).waitFor();
  await other.publish("pipeline:run_killed", "before");
  await page.getByRole("grid").getByText("before").waitFor();
  other = await other.restart();
  for (let number = 0; number < 50; number += 1) {
    await other.publish("pipeline:run_killed", `after ${number}`);
  }
  await page.getByRole("grid").getByText('"after 49"').waitFor();
  expect(Number(await page.getByRole("grid").getAttribute("aria-rowcount"))).toBe(52);
  await other.stop();
});

test("a list that is paused for very long resumes without loss, or shows the gap", async () => {
  const page = await open("pipeline:run_long");
  await page.getByText("Live", { exact: true }).waitFor();
  await server.publish("pipeline:run_long", "before");
  await page.getByRole("grid").getByText("before").waitFor();
  await page.getByRole("button", { name: "Pause" }).click();
  server.publishMany("run_long", 14_000);
  await page.getByRole("button", { name: /Resume \(1\d{4} new\)/ }).waitFor({ timeout: 25_000 });
  await page.getByRole("button", { name: "Resume" }).click();
  await page.getByText("Live", { exact: true }).waitFor();
  server.publishMany("run_long", 1);
  const grid = page.getByRole("grid");
  await grid.getByText('"Message 13999"').waitFor();
  const isWhole = async () => Number(await grid.getAttribute("aria-rowcount")) === 14_003;
  if (await isWhole()) return;
  // Gaps match every filter.
  await page.getByRole("searchbox", { name: "Search messages" }).fill("none of them");
  await grid.getByText("Subscribers missed messages here").waitFor();
});

test("messages are filtered by topic and text, in the URL", async () => {
  const page = await open("pipeline:run_messages");
  await page.getByRole("searchbox", { name: "Search messages" }).fill("message 77");
  const grid = page.getByRole("grid");
  await grid.getByText("Message 779").waitFor();
  expect(page.url()).toContain("text=message+77");
  // Older messages are searched, too: 77, and 770 to 779.
  await expect.poll(() => grid.getAttribute("aria-rowcount")).toBe("12");
  await page.getByLabel("Topic").selectOption("Run events");
  await page.getByText("None of the 900 messages matches").waitFor();
});

test("a message is inspected, and copied as code", async () => {
  const page = await open("pipeline:run_messages");
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.getByRole("grid").getByText("Message 899").click();
  await page.getByRole("complementary", { name: "Message" }).getByText('"Message 899"').waitFor();
  for (const [name, part] of [["curl", "--data"], ["Rust", "hub.publish_json("], ["TypeScript", "realtime.publish(pipeline({ runId:"]]) {
    await page.getByRole("complementary").getByRole("button", { name: name! }).click();
    await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toContain(part);
  }
  await page.getByRole("link", { name: "Publish again" }).click();
  await page.getByText("Valid", { exact: true }).waitFor();
  expect(await page.getByLabel("message").inputValue()).toBe("Message 899");
  expect(errorsOf(page)).toEqual([]);
});

test("a text stream grows while it is written, with the signing key and with an admin token", async () => {
  const sentence = "The quick brown fox jumps over the lazy dog while the server writes this text in chunks. ";
  for (const [id, bearer] of [["run_live", server.hello.signingKey], ["run_polled", server.hello.adminToken]] as const) {
    const page = await open(`pipeline:${id}`, bearer);
    await page.getByText(bearer === server.hello.adminToken ? "Polling every second" : "Live", { exact: true }).waitFor();
    const draft = server.openDraft(`pipeline:${id}`);
    draft.write(sentence);
    await page.getByRole("grid").getByText("streaming").waitFor();
    draft.write(sentence.repeat(2));
    await draft.end();
    await page.getByRole("grid").getByText("streaming").waitFor({ state: "detached" });
    await page.getByRole("grid").getByText(/^The quick brown fox/).click();
    const text = await page.locator(".text-block").textContent();
    expect(text).toBe(sentence.repeat(3));
  }
});

test("a stream that began before the page was opened is shown as a whole", async () => {
  server.startRun("draft", "run_early");
  await expect.poll(async () => (await server.fetch("admin/history?channel=pipeline:run_early&topic=draft")).text()).toContain("quick");
  const page = await open("pipeline:run_early");
  await page.getByRole("grid").getByText("quick brown fox").last().click();
  await expect.poll(() => page.locator(".text-block").textContent()).toHaveLength(267);
});

test("a link to an old message loads and shows it", async () => {
  const { items } = await server.admin<{ items: { id: string }[] }>("history?channel=pipeline:run_messages&order=oldest&limit=1");
  const page = await openStudio(browser, server.hello, `/messages/pipeline%3Arun_messages?message=${items[0]!.id}`);
  await page.getByRole("complementary", { name: "Message" }).getByText('"Message 0"').waitFor();
  await page.getByRole("grid").getByText('"Message 0"').waitFor();
});
