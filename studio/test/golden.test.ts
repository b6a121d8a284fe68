import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Definition } from "../src/api/types.js";
import { channelOf, nameOfParam } from "../src/channels/definition.js";
import { newest, openForm, publishForm, publishText } from "./support/form.js";
import { fetchFrom, type GoldenHub, GoldenServer } from "./support/server.js";
import { errorsOf, openPage, signIn, startBrowser } from "./support/tab.js";

/** Values of the golden definitions' params. */
const PARAMS: Readonly<Record<string, string>> = {
  kind: "a",
  id: "123e4567-e89b-42d3-a456-426614174000",
  runId: "run_1",
  floor: "3",
  wing: "east",
  orderId: "o-1",
  symbol: "ABC",
};

/** Issues that a form cannot avoid: it does not find a text for a pattern, or members that exclude each other. */
const UNKNOWABLE = [
  "files, placed: must match the pattern ^[A-Z]{3}$",
  "files, customer: must match the pattern ^o-[0-9]+$",
  'rules, choice: must match exactly one alternative, but matches alternatives 1 (an object) and 2 (an object with "a")',
  'rules, shape: must match exactly one alternative, but matches alternatives 1 (an object with "radius") and 2 (an object with "height" and "width")',
  "strings, everything: must match the pattern ^/api/[^/]+\\/x$",
  "strings, everything: must match the pattern ^\\p{Lu}[ä😀]{1,3}$",
  "strings, everything: must match the pattern ^[\"'\\\\`]$",
  "strings, everything: must match the pattern a\nb\r\u2028",
];

let golden: GoldenServer;
let browser: Browser;

beforeAll(async () => {
  [golden, browser] = await Promise.all([GoldenServer.start(), startBrowser()]);
});

afterAll(async () => {
  await browser?.close();
  await golden?.stop();
});

test("every topic and signal has a form that begins valid, and whose messages arrive", async () => {
  const page = await openPage(browser, golden.hubs[0]!);
  const incomplete: string[] = [];
  for (const hub of golden.hubs) {
    await page.goto(`${hub.url}/studio#/publish`);
    await signIn(page, hub.signingKey);
    for (const definition of await definitionsOf(hub)) {
      const channel = nameChannel(definition);
      for (const { name, carries } of definition.topics) {
        await openForm(page, { channel, topic: name });
        const sent = carries === "text_stream" ? await publishText(page, "Once upon a time") : await publishForm(page);
        expect(await newest(hub, channel, name), `${hub.name}: ${name}`).toEqual(sent);
        if (carries === "payload") incomplete.push(...(await addMembers(page)).map((issue) => `${hub.name}, ${name}: ${issue}`));
      }
      for (const { name } of definition.signals) {
        await openForm(page, { channel, signal: name });
        await page.getByText("Valid", { exact: true }).waitFor();
        incomplete.push(...(await addMembers(page)).map((issue) => `${hub.name}, ${name}: ${issue}`));
      }
      await page.getByRole("link", { name: channel, exact: true }).click();
      const grid = page.getByRole("grid", { name: `Messages of ${channel}` });
      await expect.poll(() => grid.getAttribute("aria-rowcount")).toBe(String(definition.topics.length + 1));
    }
    expect(errorsOf(page), hub.name).toEqual([]);
  }
  expect(incomplete).toEqual(UNKNOWABLE);
}, 240_000);

/** Adds each member that the payload may have, and one item to each list. Returns the issues that the form then shows. */
async function addMembers(page: Page): Promise<readonly string[]> {
  await page.evaluate(async () => {
    for (const button of document.querySelectorAll<HTMLElement>(".payload-form .actions > .button.small:enabled")) {
      button.click();
      // React renders in a microtask.
      await new Promise((resolve) => setTimeout(resolve));
    }
  });
  await page.getByText(/^(Valid|Not valid)$/).waitFor();
  return page.locator(".payload-form .failure").allTextContents();
}

async function definitionsOf(hub: GoldenHub): Promise<readonly Definition[]> {
  const response = await fetchFrom(hub, "admin/definitions");
  return ((await response.json()) as { items: readonly Definition[] }).items;
}

function nameChannel(definition: Definition): string {
  const params = definition.params.map(nameOfParam).map((name) => [name, PARAMS[name] ?? "p1"]);
  return channelOf(definition, Object.fromEntries(params)) ?? "";
}
