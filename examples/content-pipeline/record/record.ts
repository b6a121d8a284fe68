// Records `docs/images/demo.webp`: the server of the demo is killed, and the page continues. Usage: record.ts <xtask>
//
// Everything in the picture is real: the script runs `cargo xtask demo`, opens its page in Chromium, clicks its buttons
// and presses Enter in its terminal.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { findBrowser } from "../page/test/server.js";
import { Camera } from "./camera.js";
import { Demo } from "./demo.js";
import { Stage } from "./stage.js";

const PICTURE = fileURLToPath(new URL("../../../docs/images/demo.webp", import.meta.url));

async function record(xtask: string, folder: string): Promise<void> {
  const demo = await Demo.start(xtask, join(folder, "demo.db"));
  const browser = await chromium.launch({ executablePath: findBrowser(), args: ["--no-sandbox"] });
  try {
    const stage = await Stage.open(browser, demo);
    const camera = new Camera(stage.page, folder);
    camera.start();
    await perform(stage, demo);
    await camera.stop();
    console.log(`  ${await camera.develop(PICTURE)}`);
  } finally {
    await browser.close();
    await demo.stop();
  }
}

/** The scene. */
async function perform({ app, page, click }: Stage, demo: Demo): Promise<void> {
  await page.waitForTimeout(1500);
  await click(app.getByRole("button", { name: "Summarise" }));
  await app.getByLabel("Summary").waitFor();
  await app.locator(".run").evaluate((run) => run.scrollIntoView());
  // The draft has four sentences. The server is killed in the second.
  await app.getByText("Iris read the words").waitFor();
  await demo.pressEnter();
  await app.getByText("The server is gone.").waitFor();
  await app.getByText("The server is back").waitFor();
  await app.getByLabel("Approval").waitFor();
  await page.waitForTimeout(1000);
  await click(app.getByRole("button", { name: "Approve" }));
  await app.getByText("Published, although the server was killed.").waitFor();
  await page.waitForTimeout(500);
}

async function main(xtask: string | undefined): Promise<void> {
  if (xtask === undefined) {
    throw new Error("run `cargo xtask demo --record`");
  }
  const folder = await mkdtemp(join(tmpdir(), "fanfare-record-"));
  try {
    await record(xtask, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

main(process.argv[2]).catch((error: unknown) => {
  console.error(`  ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
});
