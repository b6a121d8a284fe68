import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Definition } from "../src/api/types.js";
import { Server } from "./support/server.js";
import { errorsOf, openStudio, startBrowser } from "./support/tab.js";

let server: Server;
let browser: Browser;
let definitions: readonly Definition[];

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start({ samples: true }), startBrowser()]);
  definitions = (await server.admin<{ items: readonly Definition[] }>("definitions")).items;
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

test("JSON is published, and a payload that is not valid is refused with its issues", async () => {
  const page = await openStudio(browser, server.hello, "/publish?channel=pipeline%3Arun_json&topic=status");
  const asJson = page.getByRole("button", { name: "Edit as JSON" });
  if (definitions[0]?.topics[0]?.schema !== undefined) await asJson.click();
  const editor = page.getByLabel("Payload");
  await editor.fill('{"message": "", "step": "write", "progress": 1}');
  const publish = page.getByRole("button", { name: "Publish", exact: true });
  if (definitions[0]?.topics[0]?.schema === undefined) await publish.click();
  await page.getByText("/message").waitFor();
  await editor.fill('{"message": "From Studio", "step": "write", "progress": 1}');
  await page.getByText("From Studio").last().waitFor();
  await publish.click();
  await page.getByText("Published as").waitFor();
  const { items } = await server.admin<{ items: { payload: unknown }[] }>("history?channel=pipeline:run_json");
  expect(items.map(({ payload }) => payload)).toEqual([{ message: "From Studio", step: "write", progress: 1 }]);
  expect(errorsOf(page)).toEqual([]);
});

test("a text is published as a text stream", async () => {
  const page = await openStudio(browser, server.hello, "/publish?channel=pipeline%3Arun_text&topic=draft");
  await page.getByLabel("Text", { exact: true }).fill("Once upon a time");
  await page.getByRole("button", { name: "Publish the text" }).click();
  await page.getByText("Published as").waitFor();
  const { items } = await server.admin<{ items: { text: string }[] }>("history?channel=pipeline:run_text");
  expect(items[0]?.text).toBe("Once upon a time");
});

test("a form edits a payload, and shows the server's issues while the user types", async ({ skip }) => {
  if (definitions[0]?.topics[0]?.schema === undefined) skip("the server does not describe schemas");
  const page = await openStudio(browser, server.hello, "/publish?channel=pipeline%3Arun_form&topic=status");
  await page.getByText("Valid", { exact: true }).waitFor();
  await page.getByLabel("progress").fill("101");
  await page.getByText("must be at most 100").waitFor();
  expect(await page.getByRole("button", { name: "Publish", exact: true }).isDisabled()).toBe(true);
  await page.getByLabel("progress").fill("100");
  await page.getByLabel("message").fill("Done");
  await page.getByText("Valid", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Publish", exact: true }).click();
  await page.getByText("Published as").waitFor();
  const { items } = await server.admin<{ items: { payload: { progress: number } }[] }>("history?channel=pipeline:run_form");
  expect(items[0]?.payload).toMatchObject({ message: "Done", progress: 100 });
});

test("every topic and signal begins with a valid example", async ({ skip }) => {
  if (definitions[0]?.topics[0]?.schema === undefined) skip("the server does not describe schemas");
  const page = await openStudio(browser, server.hello);
  for (const definition of definitions) {
    const targets = [
      ...definition.topics.filter(({ carries }) => carries === "payload").map(({ name }) => `topic=${name}`),
      ...definition.signals.map(({ name }) => `signal=${name}`),
    ];
    for (const target of targets) {
      await page.evaluate((hash) => (location.hash = hash), `#/publish?definition=${definition.name}&${target}`);
      await page.getByText("Valid", { exact: true }).waitFor();
    }
  }
});

test("a token is minted and read", async () => {
  const page = await openStudio(browser, server.hello, "/tokens");
  await page.getByLabel("runId").fill("run_1");
  await page.getByLabel("Subject").fill("user_1");
  await page.getByRole("button", { name: "Mint the token" }).click();
  await page.getByText("It may subscribe to status, insights, tokens, summary, draft on pipeline:run_1.").waitFor();
  await page.getByText("It may send approve to runs on pipeline:run_1.").waitFor();
  await page.getByText("Its subject is user_1.").waitFor();
  await page.getByText("It expires in 59 m").waitFor();
  await page.getByRole("textbox", { name: "Token" }).fill(server.hello.adminToken);
  await page.getByText("It may use the admin routes").waitFor();
});

test("an admin token manages runs, and learns what it cannot do", async () => {
  const page = await openStudio(browser, server.hello, "/runs/run_review", { bearer: server.hello.adminToken });
  await page.getByText("An admin token cannot send signals.").waitFor();
  for (const [view, text] of [["publish", "cannot publish"], ["tokens", "cannot mint"]] as const) {
    await page.evaluate((hash) => (location.hash = hash), `#/${view}`);
    await page.getByText(text).waitFor();
  }
});
