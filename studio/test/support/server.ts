import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { program } from "./paths.js";

export interface ServerOptions {
  readonly runs?: number;
  readonly messages?: number;
  readonly samples?: boolean;
  readonly withoutAdmin?: boolean;
  readonly withoutStorage?: boolean;
  readonly port?: number;
  /** The folder of an earlier server, to continue with its database. */
  readonly folder?: string;
}

interface Hello {
  readonly url: string;
  readonly signingKey: string;
  readonly adminToken: string;
}

/** A server with Studio in its own process. It exits when the test ends. */
export class Server {
  private constructor(
    readonly process: ChildProcess,
    readonly hello: Hello,
    readonly folder: string,
  ) {}

  static async start(options: ServerOptions = {}): Promise<Server> {
    const folder = options.folder ?? mkdtempSync(join(tmpdir(), "studio-"));
    const args = [
      `--port=${options.port ?? 0}`,
      `--runs=${options.runs ?? 0}`,
      `--messages=${options.messages ?? 0}`,
      ...(options.withoutStorage === true ? [] : [`--database=${join(folder, "hub.db")}`]),
      ...(options.samples === true ? ["--samples"] : []),
      ...(options.withoutAdmin === true ? ["--without-admin"] : []),
    ];
    const process = spawn(program("fanfare-studio-server"), args, { stdio: ["pipe", "pipe", "inherit"] });
    const lines = createInterface(process.stdout);
    const line = await new Promise<string>((resolve, reject) => {
      lines.once("line", resolve);
      lines.once("close", () => reject(new Error("the server exited before it was ready")));
    });
    return new Server(process, JSON.parse(line) as Hello, folder);
  }

  /** Starts a run of a job. */
  startRun(job: string, id: string): void {
    this.process.stdin?.write(`${job} ${id}\n`);
  }

  /** Publishes numbered messages on the channel of a run. */
  publishMany(id: string, count: number): void {
    this.process.stdin?.write(`messages ${id} ${count}\n`);
  }

  /** Kills the server, and starts it again at the same address, with the same database. */
  async restart(): Promise<Server> {
    const ended = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.kill("SIGKILL");
    await ended;
    return Server.start({ port: Number(new URL(this.hello.url).port), folder: this.folder });
  }

  /** Publishes a status on a channel. */
  async publish(channel: string, message: string): Promise<void> {
    const query = new URLSearchParams({ channel, topic: "status" });
    const response = await this.fetch(`publish?${query.toString()}`, {
      method: "POST",
      body: JSON.stringify({ message, step: "write", progress: 1 }),
    });
    if (!response.ok) {
      throw new Error(await response.text());
    }
  }

  /** Returns the JSON of an admin route. */
  async admin<T>(path: string): Promise<T> {
    return (await this.fetch(`admin/${path}`)).json() as Promise<T>;
  }

  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = { authorization: `Bearer ${this.hello.signingKey}` };
    return fetch(`${this.hello.url}/v1/realtime/${path}`, { ...init, headers });
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.stdin?.end();
    await ended;
    rmSync(this.folder, { recursive: true, force: true });
  }
}
