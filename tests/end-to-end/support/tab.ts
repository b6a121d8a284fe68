import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WebSocket } from "ws";
import { findBrowser } from "./browser.js";
import { until } from "./wait.js";

interface Answer {
  readonly id?: number;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly message: string };
}

/**
 * A tab that another tab can hide. Playwright keeps all of its pages visible, so this one is
 * controlled through the browser's own protocol.
 */
export class Tab {
  readonly #browser: ChildProcess;
  readonly #profile: string;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #lastId = 0;
  #target = "";
  #otherTarget = "";
  #session = "";

  private constructor(browser: ChildProcess, profile: string, socket: WebSocket) {
    this.#browser = browser;
    this.#profile = profile;
    this.#socket = socket;
    socket.on("message", (data) => {
      const answer = JSON.parse(String(data)) as Answer;
      this.#waiting.get(answer.id ?? 0)?.(answer);
    });
  }

  static async open(url: string): Promise<Tab> {
    const profile = await mkdtemp(join(tmpdir(), "fanfare-tab-"));
    const flags = ["--headless=new", "--no-sandbox", "--remote-debugging-port=0", `--user-data-dir=${profile}`];
    const browser = spawn(findBrowser(), [...flags, "about:blank"], { stdio: ["ignore", "ignore", "pipe"] });
    const address = await new Promise<string>((resolve, reject) => {
      let text = "";
      browser.stderr.on("data", (chunk) => {
        text += String(chunk);
        const found = /listening on (ws:\S+)\s/u.exec(text)?.[1];
        if (found !== undefined) {
          resolve(found);
        }
      });
      browser.on("exit", () => reject(new Error(`the browser exited: ${text}`)));
    });
    const socket = new WebSocket(address);
    await new Promise((resolve) => socket.on("open", resolve));
    const tab = new Tab(browser, profile, socket);
    tab.#target = await tab.#create(url);
    const { sessionId } = await tab.#send("Target.attachToTarget", { targetId: tab.#target, flatten: true });
    tab.#session = String(sessionId);
    return tab;
  }

  /** Returns the value of an expression, which must be JSON. */
  async evaluate<Value>(expression: string): Promise<Value> {
    const { result } = await this.#send("Runtime.evaluate", { expression, returnByValue: true }, this.#session);
    return (result as { readonly value: Value }).value;
  }

  /** Waits until an expression is true. */
  async until(expression: string): Promise<void> {
    await until(expression, () => this.evaluate<boolean>(`!!(${expression})`));
  }

  async hide(): Promise<void> {
    this.#otherTarget ||= await this.#create("about:blank");
    await this.#send("Target.activateTarget", { targetId: this.#otherTarget });
    await this.until('document.visibilityState === "hidden"');
  }

  async show(): Promise<void> {
    await this.#send("Target.activateTarget", { targetId: this.#target });
    await this.until('document.visibilityState === "visible"');
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#browser.on("exit", resolve));
    this.#socket.close();
    this.#browser.kill();
    await ended;
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }

  async #create(url: string): Promise<string> {
    return String((await this.#send("Target.createTarget", { url }))["targetId"]);
  }

  async #send(method: string, params: object, sessionId?: string): Promise<Readonly<Record<string, unknown>>> {
    const id = ++this.#lastId;
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve));
    this.#socket.send(JSON.stringify({ id, method, params, sessionId }));
    const { result, error } = await answered;
    this.#waiting.delete(id);
    if (result === undefined) {
      throw new Error(`${method}: ${error?.message}`);
    }
    return result;
  }
}
