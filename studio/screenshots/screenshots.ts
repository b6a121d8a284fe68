/** `npm run screenshots -- <folder>`: makes pictures of every view, in both themes, on a wide and a narrow screen. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import build from "../test/support/build.js";
import { openConnections } from "../test/support/connections.js";
import { Server } from "../test/support/server.js";
import { routeBuild, startBrowser } from "../test/support/tab.js";
import { EMPTY, FEW, MANY, type Scene, SIGNED_OUT } from "./scenes.js";

const SCREENS = [
  { width: 1440, height: 900 },
  { width: 390, height: 844 },
] as const;
const THEMES = ["light", "dark"] as const;

async function main(folder: string | undefined, only = ""): Promise<void> {
  if (folder === undefined) throw new Error("name a folder: npm run screenshots -- <folder> [part of a name]");
  mkdirSync(folder, { recursive: true });
  build();
  const browser = await startBrowser();
  try {
    for (const [size, scenes, start] of [
      ["empty", [...SIGNED_OUT, ...EMPTY], startEmpty],
      ["10", FEW, startFew],
      ["10000", MANY, startMany],
    ] as const) {
      const wanted = scenes.filter(({ name }) => `${name}-${size}`.includes(only));
      if (wanted.length === 0) continue;
      const { server, stop } = await start();
      await takeAll(browser, server, wanted, (name) => join(folder, `${name.replace("-", `-${size}-`)}.png`));
      await stop();
    }
  } finally {
    await browser.close();
  }
}

interface Started {
  readonly server: Server;
  readonly stop: () => Promise<void>;
}

async function startEmpty(): Promise<Started> {
  const server = await Server.start();
  return { server, stop: () => server.stop() };
}

async function startFew(): Promise<Started> {
  const server = await Server.start({ runs: 3, messages: 10, samples: true });
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const connections = await openConnections(server, 10);
  return {
    server,
    stop: async () => {
      connections.close();
      await server.stop();
    },
  };
}

async function startMany(): Promise<Started> {
  const server = await Server.start({ runs: 10_000, samples: true });
  server.publishMany("log", 10_000);
  server.startImport("run_import", 10_000);
  const connections = await openConnections(server, 10_000);
  return {
    server,
    stop: async () => {
      connections.close();
      await server.stop();
    },
  };
}

async function takeAll(browser: Browser, server: Server, scenes: readonly Scene[], pathOf: (name: string) => string): Promise<void> {
  for (const colorScheme of THEMES) {
    for (const viewport of SCREENS) {
      const context = await browser.newContext({ colorScheme, viewport, reducedMotion: "reduce" });
      for (const scene of scenes) {
        const page = await open(context, server, scene);
        await scene.prepare?.(page, server);
        // Requests and charts settle.
        await page.waitForTimeout(500);
        const path = pathOf(`${scene.name}-${viewport.width}-${colorScheme}`);
        writeFileSync(path, await page.screenshot());
        console.log(path);
        await page.close();
      }
      await context.close();
    }
  }
}

async function open(context: BrowserContext, server: Server, scene: Scene): Promise<Page> {
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  await routeBuild(page);
  const { signingKey, adminToken, url } = server.hello;
  if (scene.isSignedOut !== true) {
    await page.addInitScript((bearer) => sessionStorage.setItem("fanfare-studio-bearer", bearer), scene.isAdmin === true ? adminToken : signingKey);
  }
  await page.goto(`${url}/studio#${scene.hash ?? ""}`);
  await page.getByRole(scene.isSignedOut === true ? "main" : "navigation").waitFor();
  return page;
}

await main(process.argv[2], process.argv[3]);
