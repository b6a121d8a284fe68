import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { BrowserContext, Page } from "playwright-core";
import { builtDemoPage, program, root } from "./paths.js";

/** The server of the example, with a database that outlives its processes. */
export class Demo {
  readonly #folder: string;
  readonly #pause: number;
  /** Differs per demo, and stays the same when it is restarted. */
  readonly signingKey = `signkey-test-${randomBytes(32).toString("hex")}`;
  #process: ChildProcess | undefined;
  #url = "";

  private constructor(folder: string, pause: number) {
    this.#folder = folder;
    this.#pause = pause;
  }

  /** `pause` is the time between two messages in milliseconds. */
  static async start(pause: number): Promise<Demo> {
    const demo = new Demo(await mkdtemp(join(tmpdir(), "fanfare-demo-")), pause);
    await demo.restart();
    return demo;
  }

  get url(): string {
    return this.#url;
  }

  /** Restarts it with the same port and database. */
  async restart(): Promise<void> {
    const port = this.#url === "" ? "0" : new URL(this.#url).port;
    const settings = ["--port", port, "--pause", String(this.#pause), "--database", join(this.#folder, "demo.db")];
    const content = ["--text", join(root, "runtime/PROTOCOL.md"), "--page", builtDemoPage];
    const server = spawn(program("content-pipeline"), [...settings, ...content], {
      env: { ...process.env, FANFARE_SIGNING_KEY: this.signingKey },
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#process = server;
    this.#url = await new Promise((resolve, reject) => {
      const lines = createInterface(server.stdout);
      lines.on("line", (line) => {
        const url = /^Listening on (\S+)$/u.exec(line)?.[1];
        if (url !== undefined) {
          resolve(url);
        }
      });
      lines.on("close", () => reject(new Error("the demo exited before it was ready")));
    });
  }

  /** Kills it, as a crash does. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async stop(): Promise<void> {
    await this.#end("SIGTERM");
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const server = this.#process;
    if (server !== undefined && server.exitCode === null && server.signalCode === null) {
      const ended = new Promise((resolve) => server.on("exit", resolve));
      server.kill(signal);
      await ended;
    }
  }
}

/** Opens the page of the demo as a visitor with a name. */
export async function visit(context: BrowserContext, url: string, visitor: string): Promise<Page> {
  const page = await context.newPage();
  await page.addInitScript((name) => sessionStorage.setItem("visitor", name), visitor);
  await page.goto(url);
  return page;
}
