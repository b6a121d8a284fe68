import { cp, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { chromium } from "playwright-core";
import { expect } from "vitest";
import { findBrowser } from "../../end-to-end/support/browser.js";
import { here, root } from "./paths.js";
import type { Project } from "./project.js";

const types: Record<string, string> = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css" };
const page = '<!doctype html><p id="status"></p><script type="module" src="/main.js"></script>';

/** Compiles `support/hub.ts`, with which a page or a process has a server in memory. Returns its path. */
export async function addHub(project: Project): Promise<string> {
  await cp(join(here, "support/hub.ts"), join(project.folder, "hub.ts"));
  const esbuild = join(root, "node_modules/.bin/esbuild");
  await project.run(esbuild, ["hub.ts", "--bundle", "--format=iife", "--outfile=hub.js"]);
  return join(project.folder, "hub.js");
}

/** Opens the built page in a browser and waits for the status that the hub publishes. */
export async function showsStatus(project: Project, url: string): Promise<void> {
  const browser = await chromium.launch({ executablePath: findBrowser(), args: ["--no-sandbox"] });
  try {
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    await page.addInitScript({ path: await addHub(project) });
    await page.goto(url);
    await page.getByText("Writing (40%)", { exact: true }).waitFor({ timeout: 10_000 }).catch(async (cause: unknown) => {
      throw new Error(`the page shows ${await page.content()} and reports ${errors.join(", ")}`, { cause });
    });
    expect(errors).toEqual([]);
  } finally {
    await browser.close();
  }
}

/** Serves the files of a folder, and the routes of the README's server that the page requests. */
export async function serve(folder: string): Promise<{ url: string } & AsyncDisposable> {
  const server = createServer((request, response) => {
    const path = request.url ?? "/";
    if (path.startsWith("/runs/")) {
      response.end("a.test.token");
      return;
    }
    const name = path === "/" ? "/index.html" : path;
    readFile(join(folder, name)).then(
      (file) => response.setHeader("content-type", types[extname(name)] ?? "text/plain").end(file),
      () => (path === "/" ? response.setHeader("content-type", "text/html").end(page) : response.writeHead(404).end()),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
