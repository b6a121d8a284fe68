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
  /** Without a file, so that everything ends with the process. */
  readonly inMemory?: boolean;
  readonly port?: number;
  /** The folder of an earlier server, to continue with its database. */
  readonly folder?: string;
}

/** A hub that serves Studio. */
export interface StudioHub {
  readonly url: string;
  readonly signingKey: string;
}

interface Hello extends StudioHub {
  readonly adminToken: string;
}

/** A text stream that a test writes. */
export interface Draft {
  write(text: string): void;
  end(): Promise<void>;
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
      ...(options.inMemory === true ? [] : [`--database=${join(folder, "hub.db")}`]),
      ...(options.samples === true ? ["--samples"] : []),
      ...(options.withoutAdmin === true ? ["--without-admin"] : []),
    ];
    const { process, hello } = await startProcess<Hello>("fanfare-studio-server", args);
    return new Server(process, hello, folder);
  }

  /** Starts a run of a job. */
  startRun(job: string, id: string): void {
    this.startRuns(job, [id]);
  }

  startRuns(job: string, ids: readonly string[]): void {
    this.process.stdin?.write(`${job} ${ids.join(" ")}\n`);
  }

  /** Starts a run with many steps. */
  startImport(id: string, steps: number): void {
    this.process.stdin?.write(`import ${id} ${steps}\n`);
  }

  /** Publishes numbered messages on the channel of a run, as fast as possible or this many per second. */
  publishMany(id: string, count: number, perSecond?: number): void {
    this.process.stdin?.write(`messages ${id} ${count}${perSecond === undefined ? "" : ` ${perSecond}`}\n`);
  }

  /** Kills the server, and starts it again at the same address, with the same database. */
  async restart(): Promise<Server> {
    const ended = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.kill("SIGKILL");
    await ended;
    return Server.start({ port: Number(new URL(this.hello.url).port), folder: this.folder });
  }

  /** Opens a text stream on a channel, which the test writes. */
  openDraft(channel: string): Draft {
    let controller!: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({ start: (given) => void (controller = given) });
    const query = new URLSearchParams({ channel, topic: "draft" });
    // Node requires `duplex` for streams; the types lack it.
    const request: RequestInit & { duplex: "half" } = { method: "POST", headers: { "content-type": "text/stream" }, body, duplex: "half" };
    const published = this.fetch(`publish?${query.toString()}`, request);
    return {
      write: (text) => controller.enqueue(new TextEncoder().encode(text)),
      end: async () => {
        controller.close();
        const response = await published;
        if (!response.ok) throw new Error(await response.text());
      },
    };
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
    return fetchFrom(this.hello, path, init);
  }

  async stop(): Promise<void> {
    await end(this.process);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The hub of one golden case of the compiler. */
export interface GoldenHub extends StudioHub {
  readonly name: string;
}

/** A hub with Studio for each golden case of the compiler, all in one process. */
export class GoldenServer {
  private constructor(
    readonly process: ChildProcess,
    readonly hubs: readonly GoldenHub[],
  ) {}

  static async start(): Promise<GoldenServer> {
    const { process, hello } = await startProcess<{
      readonly signingKey: string;
      readonly cases: readonly { readonly name: string; readonly url: string }[];
    }>("examples/golden", []);
    return new GoldenServer(process, hello.cases.map((golden) => ({ ...golden, signingKey: hello.signingKey })));
  }

  stop(): Promise<void> {
    return end(this.process);
  }
}

/** Sends a request to a hub, with its signing key. */
export function fetchFrom({ url, signingKey }: StudioHub, path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${url}/v1/realtime/${path}`, { ...init, headers: { ...init.headers, authorization: `Bearer ${signingKey}` } });
}

/** Starts a program that prints one line of JSON once it is ready, and exits when its standard input ends. */
async function startProcess<T>(name: string, args: readonly string[]): Promise<{ process: ChildProcess; hello: T }> {
  const process = spawn(program(name), args, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface(process.stdout);
  const line = await new Promise<string>((resolve, reject) => {
    lines.once("line", resolve);
    lines.once("close", () => reject(new Error(`${name} exited before it was ready`)));
  });
  return { process, hello: JSON.parse(line) as T };
}

async function end(process: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => process.once("exit", resolve));
  process.stdin?.end();
  await ended;
}
