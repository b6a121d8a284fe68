import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { program } from "./paths.js";

type Process = ChildProcessByStdio<Writable, Readable, null>;

interface Answer {
  readonly ref?: number;
  readonly result?: unknown;
  readonly error?: string;
}

interface NumberedRange {
  readonly from?: number;
  readonly count: number;
  /** The length of each text. */
  readonly size?: number;
  /** The pause after each message. */
  readonly pauseMilliseconds?: number;
}

/** The options of a run that asks for a verdict on a text. */
export interface ReviewOptions {
  /** The run whose channel it uses. Default: its own. */
  readonly on?: string;
  readonly text?: string;
  /** The number of attempts that fail first. */
  readonly failures?: number;
  /** How long to wait before it asks. */
  readonly pauseMilliseconds?: number;
  /** How long to wait for the verdict. */
  readonly patienceMilliseconds?: number;
}

/** The settings of the server. Each has a default. */
export interface ServerSettings {
  /** The version of the definition in `versions`. Default: the definitions of `schemas/`. */
  readonly version?: "old" | "new";
  readonly port?: number;
  /** The number of messages in the history of each channel. The functions for numbered messages need the channel's own. */
  readonly history?: number;
  readonly pingMilliseconds?: number;
  /** The file for history and runs. Without it, the history is in memory and there are no runs. */
  readonly storage?: string;
  readonly textStreamsForGuests?: boolean;
  readonly origins?: readonly string[];
  readonly maxConnectionsPerToken?: number;
  /** The cookie of a session that may read every run. */
  readonly session?: string;
}

export interface DraftOptions {
  /** The number of characters per chunk. */
  readonly piece?: number;
  /** The pause after each chunk. */
  readonly pauseMilliseconds?: number;
  /** The reason to fail the stream, instead of completing it. */
  readonly error?: string;
}

const defaults = { from: 0, size: 1, pauseMilliseconds: 0 };

/** A Fanfare server in its own process, which the test controls. */
export class Server {
  readonly url: string;
  readonly signingKey: string;
  readonly #process: Process;
  readonly #ended: Promise<void>;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #lastReference = 0;

  private constructor(process: Process, hello: { readonly url: string; readonly signingKey: string }) {
    this.url = hello.url;
    this.signingKey = hello.signingKey;
    this.#process = process;
    this.#ended = new Promise((resolve) => process.on("exit", () => resolve()));
  }

  static async start(settings: ServerSettings = {}): Promise<Server> {
    const args = [JSON.stringify(settings)];
    const process = spawn(program("fanfare-test-server"), args, { stdio: ["pipe", "pipe", "inherit"] });
    const lines = createInterface(process.stdout);
    const first = await new Promise<string>((resolve, reject) => {
      lines.once("line", resolve);
      lines.once("close", () => reject(new Error("the server exited before it was ready")));
    });
    const hello = JSON.parse(first) as { url: string; signingKey: string };
    const server = new Server(process, hello);
    lines.on("line", (line) => server.#answered(JSON.parse(line) as Answer));
    return server;
  }

  /** Publishes numbered tokens as a Rust application does. The topic retains all of them. */
  async tokens(run: string, range: NumberedRange): Promise<void> {
    await this.#command({ command: "messages", topic: "tokens", run, ...defaults, ...range });
  }

  /** Publishes numbered statuses as a Rust application does. The topic retains only the last. */
  async statuses(run: string, range: NumberedRange): Promise<void> {
    await this.#command({ command: "messages", topic: "status", run, ...defaults, ...range });
  }

  /** Publishes a status as a Rust application does, and returns its id. */
  async status(run: string, message: string, progress = 0, runId?: string): Promise<string> {
    return (await this.#command({ command: "status", run, message, progress, runId })) as string;
  }

  /** Writes a text stream on the draft topic, in chunks, and returns the id of its end. */
  async draft(run: string, text: string, options: DraftOptions = {}): Promise<string> {
    const { piece = 4, pauseMilliseconds = 0, error } = options;
    return (await this.#command({ command: "draft", run, text, piece, pauseMilliseconds, error })) as string;
  }

  /** Returns a token for all topics of a run's channel. It can be revoked by its id. */
  async token(run: string, expiresIn = 300, id?: string): Promise<string> {
    return (await this.#command({ command: "token", run, expiresIn, id })) as string;
  }

  /** Starts a run that asks for a verdict with the signal `approve`. */
  async review(run: string, options: ReviewOptions = {}): Promise<void> {
    const hour = 3_600_000;
    const usual = { text: "Once upon a time", failures: 0, pauseMilliseconds: 0, patienceMilliseconds: hour };
    await this.#command({ command: "review", run, ...usual, ...options });
  }

  /** Returns the position of a channel, as a Rust application reads it. */
  async position(channel: string): Promise<string> {
    return (await this.#command({ command: "position", channel })) as string;
  }

  async revoke(id: string): Promise<void> {
    await this.#command({ command: "revoke", id });
  }

  /** Returns a token to publish to all topics of a run's channel. */
  async publishToken(run: string): Promise<string> {
    return (await this.#command({ command: "token", run, expiresIn: 300, publish: true })) as string;
  }

  /** Publishes over HTTP. */
  publish(topic: string, body: unknown, options: PublishOptions = {}): Promise<Response> {
    const { channel = "pipeline:run_1", runId, bearer = this.signingKey } = options;
    const query = new URLSearchParams({ channel, topic, ...(runId === undefined ? {} : { run_id: runId }) });
    return fetch(`${this.url}/v1/realtime/publish?${query.toString()}`, {
      method: "POST",
      headers: bearer === "" ? {} : { authorization: `Bearer ${bearer}` },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
  }

  /** Requests a token over HTTP. */
  async mint(body: unknown, bearer = this.signingKey): Promise<Response> {
    return fetch(`${this.url}/v1/realtime/token`, {
      method: "POST",
      headers: { authorization: `Bearer ${bearer}` },
      body: JSON.stringify(body),
    });
  }

  /** Shuts down gracefully. */
  async shutdown(): Promise<void> {
    await this.#command({ command: "shutdown" });
    await this.#ended;
  }

  /** Kills the process, as a crash does. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#ended;
  }

  /** Ends the process, unless it has exited already. */
  async stop(): Promise<void> {
    this.#process.stdin.end();
    await this.#ended;
  }

  async #command(command: Readonly<Record<string, unknown>>): Promise<unknown> {
    const ref = ++this.#lastReference;
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(ref, resolve));
    this.#process.stdin.write(`${JSON.stringify({ ref, ...command })}\n`);
    const ended = this.#ended.then((): Answer => ({ error: "the server exited" }));
    const { result, error } = await Promise.race([answered, ended]);
    if (error !== undefined) {
      throw new Error(`the server failed to execute ${JSON.stringify(command)}: ${error}`);
    }
    return result;
  }

  #answered(answer: Answer): void {
    if (answer.ref === undefined) {
      throw new Error(`the server could not parse a command: ${answer.error}`);
    }
    this.#waiting.get(answer.ref)?.(answer);
    this.#waiting.delete(answer.ref);
  }
}

interface PublishOptions {
  readonly channel?: string;
  readonly runId?: string;
  /** Default: the signing key. If empty, none is sent. */
  readonly bearer?: string;
}
