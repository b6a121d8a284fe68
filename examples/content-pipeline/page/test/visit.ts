import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect } from "vitest";
import { findBrowser, type Server, startServer } from "./server.js";

/** The example's server and a browser, for the tests of one file. */
export class Demo {
  server!: Server;
  browser!: Browser;

  /** Starts them before the tests, and stops them afterwards. */
  constructor() {
    beforeAll(async () => {
      this.server = await startServer();
      this.browser = await chromium.launch({ executablePath: findBrowser(), args: ["--no-sandbox"] });
    });
    afterAll(async () => {
      await this.browser?.close();
      await this.server?.stop();
    });
  }

  /** Opens the page as Ada, in a new browser context. Errors of the page fail the test. */
  async visit(options: BrowserContextOptions & { readonly url?: string } = {}): Promise<Page> {
    const { url = this.server.url, ...contextOptions } = options;
    const page = await (await this.browser.newContext(contextOptions)).newPage();
    page.on("pageerror", (error) => expect.unreachable(error.message));
    await page.goto(url);
    return page;
  }
}

/** Starts a run for the server's text, and waits until it asks for a verdict. */
export async function summarise(page: Page): Promise<Page> {
  await page.getByRole("button", { name: "Summarise" }).click();
  await page.getByLabel("Approval").waitFor();
  return page;
}

export async function approve(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Approve" }).click();
}

/** Waits for the result of the run. */
export async function resultOf(page: Page): Promise<void> {
  await page.getByLabel("Statistics").waitFor();
}

/** Lets a test hold back what the server sends over the WebSockets that a page opens from now on. */
export async function delayMessages(page: Page): Promise<{ begin(): void; end(): void }> {
  let waiting: (() => void)[] | undefined;
  await page.routeWebSocket(/\/v1\/realtime\//u, (ofPage) => {
    const ofServer = ofPage.connectToServer();
    ofServer.onMessage((message) => {
      const deliver = () => ofPage.send(message);
      if (waiting === undefined) deliver();
      else waiting.push(deliver);
    });
  });
  return {
    begin: () => (waiting = []),
    end: () => {
      const held = waiting ?? [];
      waiting = undefined;
      held.forEach((deliver) => deliver());
    },
  };
}
