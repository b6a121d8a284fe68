/** `npm run stills`: makes the pictures of Studio in the documentation, with data of `examples/content-pipeline`. */
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { program, root } from "../test/support/paths.js";
import { startBrowser } from "../test/support/tab.js";

const SIGNING_KEY = `signkey-test-${"0123456789abcdef".repeat(4)}`;
const MAX_BYTES = 100_000;

const VIEWPORT = { width: 1440, height: 760 };

async function main(): Promise<void> {
  execFileSync("cargo", ["build", "--quiet", "--package", "content-pipeline"], { cwd: root, stdio: "inherit" });
  const folder = mkdtempSync(join(tmpdir(), "stills-"));
  const { url, stop } = await startExample(join(folder, "stills.db"));
  const browser = await startBrowser();
  try {
    const run = await startRun(url);
    const context = await browser.newContext({ viewport: VIEWPORT, colorScheme: "light", reducedMotion: "reduce" });
    await context.addInitScript((key) => sessionStorage.setItem("fanfare-studio-bearer", key), SIGNING_KEY);
    await take(browser, await openRun(context, url, run), "studio-run");
    await take(browser, await openMessages(context, url, run), "studio-messages");
  } finally {
    await browser.close();
    await stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A run that waits for a person, with its timeline and its messages. */
async function openRun(context: BrowserContext, url: string, run: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(`${url}/studio#/runs/${run}`);
  await page.getByText("This run waits for approve").waitFor();
  await page.getByRole("tab", { name: "Messages" }).click();
  await page.getByRole("grid", { name: /^Messages/ }).getByText("draft").first().waitFor();
  return page;
}

/** The messages of the run's channel, with one of them open. */
async function openMessages(context: BrowserContext, url: string, run: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(`${url}/studio#/messages/pipeline%3A${run}`);
  await page.getByText("Live", { exact: true }).waitFor();
  await page.getByRole("row").filter({ hasText: "choice" }).first().click();
  await page.getByRole("complementary", { name: "Message" }).waitFor();
  return page;
}

/** Writes a picture of a page as WebP, which the browser encodes. */
async function take(browser: Browser, page: Page, name: string): Promise<void> {
  await page.waitForTimeout(1000);
  const png = (await page.screenshot()).toString("base64");
  await page.close();
  const encoder = await browser.newPage();
  const webp = await encoder.evaluate(async (source) => {
    const image = new Image();
    image.src = `data:image/png;base64,${source}`;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = image.width;
    canvas.height = image.height;
    canvas.getContext("2d")!.drawImage(image, 0, 0);
    return canvas.toDataURL("image/webp", 0.8).replace(/^.*,/, "");
  }, png);
  await encoder.close();
  const bytes = Buffer.from(webp, "base64");
  if (bytes.length > MAX_BYTES) throw new Error(`${name} has ${bytes.length} bytes`);
  writeFileSync(join(root, "docs/images", `${name}.webp`), bytes);
  console.log(`docs/images/${name}.webp: ${bytes.length} bytes`);
}

/** Starts a run for the example's text, and waits until it asks for a verdict. */
async function startRun(url: string): Promise<string> {
  const response = await fetch(`${url}/runs`, { method: "POST" });
  const { runId } = (await response.json()) as { runId: string };
  for (let time = 0; time < 600; time += 1) {
    const run = await fetch(`${url}/v1/realtime/admin/run?run_id=${runId}`, { headers: { authorization: `Bearer ${SIGNING_KEY}` } });
    if (((await run.json()) as { activity?: string }).activity === "waiting") return runId;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("the run did not ask for a verdict in a minute");
}

async function startExample(database: string): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> {
  const example = join(root, "examples/content-pipeline");
  const args = ["--port=0", `--database=${database}`, `--text=${join(example, "lighthouse.md")}`, `--page=${join(example, "page/dist")}`];
  const server = spawn(program("content-pipeline"), args, {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, FANFARE_SIGNING_KEY: SIGNING_KEY },
  });
  const ended = new Promise((resolve) => server.once("exit", resolve));
  for await (const line of createInterface(server.stdout)) {
    const url = /^Listening on (.*)$/.exec(line)?.[1];
    if (url === undefined) continue;
    return {
      url,
      stop: async () => {
        server.kill("SIGTERM");
        await ended;
      },
    };
  }
  throw new Error("the example exited before it was ready");
}

await main();
