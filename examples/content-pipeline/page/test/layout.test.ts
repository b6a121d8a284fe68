import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { approve, Demo, resultOf, summarise } from "./visit.js";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

const demo = new Demo();

describe.each([
  { width: 1440, colorScheme: "light" },
  { width: 1440, colorScheme: "dark" },
  { width: 390, colorScheme: "light" },
  { width: 390, colorScheme: "dark" },
] as const)("at $width pixels, $colorScheme", ({ width, colorScheme }) => {
  test("axe finds nothing in any state of the page", async () => {
    // Axe cannot judge colours that an animation is changing.
    const options = { viewport: { width, height: 900 }, colorScheme, reducedMotion: "reduce" } as const;
    await throughAllStates(await demo.visit(options), async (page, state) => {
      expect(await findingsOf(page), state).toEqual([]);
    });
  });
});

test.each([320, 360, 390, 414])("the page does not scroll sideways at %i pixels", async (width) => {
  const page = await demo.visit({ viewport: { width, height: 780 } });
  await throughAllStates(page, async (page, state) => {
    expect(await page.evaluate(() => document.documentElement.scrollWidth), state).toBe(width);
  });
});

test.each([
  { width: 1440, height: 900 },
  { width: 390, height: 780 },
  { width: 320, height: 600 },
])("the question is in view without scrolling at $width × $height pixels", async (viewport) => {
  const page = await summarise(await demo.visit({ viewport }));
  await page.evaluate(() => window.scrollTo(0, 0));
  for (const name of ["Approve", "Edit", "Reject"]) {
    const button = await page.getByRole("button", { name }).boundingBox();
    expect(button, name).not.toBeNull();
    expect(button!.y + button!.height, name).toBeLessThan(viewport.height);
  }
});

test("the bar of a score fills the whole height of its track", async () => {
  const page = await summarise(await demo.visit());
  const meter = page.locator("meter").first();
  const picture = (await meter.screenshot()).toString("base64");
  // Compares the middle of the bar with the pixels above and below: all have the colour of the bar.
  const colours = await page.evaluate(async (picture) => {
    const image = new Image();
    image.src = `data:image/png;base64,${picture}`;
    await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d")!;
    canvas.drawImage(image, 0, 0);
    return Array.from({ length: image.height - 2 }, (_, row) => canvas.getImageData(20, row + 1, 1, 1).data.join(" "));
  }, picture);
  expect(colours.length).toBeGreaterThan(2);
  expect(new Set(colours).size).toBe(1);
});

/** Shows the states of the page one after the other: the start, hints, a question, an edit, a lost server, the result. */
async function throughAllStates(page: Page, check: (page: Page, state: string) => Promise<void>): Promise<void> {
  await page.getByText("Ready to summarise").waitFor();
  await check(page, "start");
  await page.getByRole("textbox").fill("---");
  await page.getByRole("button", { name: "Summarise this text" }).click();
  await page.getByText("The text has no sentence to summarise.").waitFor();
  await check(page, "refused text");
  await page.getByRole("textbox").fill("");
  await summarise(page);
  await check(page, "question");
  await page.getByRole("button", { name: "Edit" }).click();
  await check(page, "edit");
  await page.getByRole("button", { name: "Back" }).click();
  await demo.server.kill();
  await page.getByText("The server is gone.").waitFor();
  await page.getByText("Cannot reach the server.").waitFor();
  await check(page, "lost server");
  await demo.server.restart();
  await page.getByText("The server is back").waitFor();
  await approve(page);
  await resultOf(page);
  await check(page, "result");
  const rejected = await page.context().newPage();
  await rejected.goto(demo.server.url);
  await summarise(rejected);
  await rejected.getByRole("button", { name: "Reject" }).click();
  await rejected.locator('[data-run="failed"]').waitFor();
  await check(rejected, "rejection");
}

async function findingsOf(page: Page): Promise<readonly unknown[]> {
  await page.addScriptTag({ path: AXE });
  const { violations } = await page.evaluate(() =>
    (window as unknown as { readonly axe: { run(): Promise<AxeResults> } }).axe.run(),
  );
  return violations.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ failureSummary, html }) => [html, failureSummary]) }));
}
