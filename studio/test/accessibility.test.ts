import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Server } from "./support/server.js";
import { openPage, openStudio, startBrowser } from "./support/tab.js";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const VIEWS = [
  ["runs", "run_review"],
  ["runs/run_translate?call=0", "The branches of a join or map"],
  ["runs/run_charge?call=2", "card_declined"],
  ["runs/run_review", "This run waits for approve"],
  ["messages", "pipeline:run_messages"],
  ["messages/pipeline%3Arun_messages", "Message 49"],
  ["channels", "pipeline:{runId}"],
  ["publish?channel=pipeline%3Arun_messages&signal=approve", "Send the signal"],
  ["health", "Refused tokens"],
  ["tokens", "Mint a token"],
] as const;

let server: Server;
let browser: Browser;

beforeAll(async () => {
  [server, browser] = await Promise.all([Server.start({ messages: 50, samples: true }), startBrowser()]);
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

for (const colorScheme of ["light", "dark"] as const) {
  for (const width of [1440, 390]) {
    test(`axe finds nothing in any view, ${colorScheme}, ${width} pixels wide`, async () => {
      // An element that appears slowly has less contrast meanwhile.
      const options = { colorScheme, viewport: { width, height: 844 }, reducedMotion: "reduce", bypassCSP: true } as const;
      const found: Record<string, unknown> = {};
      const signIn = await openPage(browser, server.hello, "", options);
      found["sign in"] = await findIssues(signIn);
      const page = await openStudio(browser, server.hello, "", options);
      for (const [view, text] of VIEWS) {
        await page.evaluate((hash) => (location.hash = `#/${hash}`), view);
        await page.getByRole("main").getByText(text).first().waitFor();
        found[view] = await findIssues(page);
        expect(await page.evaluate(() => document.documentElement.scrollWidth), `${view} is too wide`).toBeLessThanOrEqual(width);
      }
      await page.keyboard.press("Control+k");
      found["palette"] = await findIssues(page);
      expect(found).toEqual(Object.fromEntries(Object.keys(found).map((view) => [view, []])));
    });
  }
}

test("the palette finds a run", async () => {
  const page = await openStudio(browser, server.hello);
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Search commands" }).fill("run_charge");
  await page.getByRole("option", { name: "Run of charge" }).waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "run_charge" }).waitFor();
});

/** Returns what axe finds: the rule, and the elements. */
async function findIssues(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe);
  const violations = await page.evaluate(async () => {
    const { axe: checker } = window as unknown as { axe: { run: () => Promise<{ violations: Violation[] }> } };
    interface Violation {
      id: string;
      nodes: { html: string; failureSummary: string }[];
    }
    return (await checker.run()).violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 200)} ${nodes[0]?.failureSummary}`);
  });
  return violations;
}
