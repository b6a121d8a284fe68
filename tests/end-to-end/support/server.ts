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
  /** How long the text of each is. */
  readonly size?: number;
  /** After each of them. */
  readonly pauseMilliseconds?: number;
}

/** A run that asks a person for a verdict on a text. */
export interface ReviewOptions {
  /** On the channel of which run. Default: its own. */
  readonly on?: string;
  readonly text?: string;
  /** How many attempts fail first. */
  readonly failures?: number;
  /** How long it is before it asks. */
  readonly pauseMilliseconds?: number;
  /** How long it waits for an answer. */
  readonly patienceMilliseconds?: number;
}

/** How a server is set up; each has a default. */
export interface ServerSettings {
  readonly port?: number;
  readonly pingMilliseconds?: number;
  /** The file that keeps history and runs; without one history is in memory, and there are no runs. */
  readonly storage?: string;
  readonly guestStreams?: boolean;
  readonly origins?: readonly string[];
  readonly connectionsPerToken?: number;
  /** The cookie of a session that may read every run. */
  readonly session?: string;
}

export interface DraftOptions {
  /** How many characters each piece has. */
  readonly piece?: number;
  /** After each of them. */
  readonly pauseMilliseconds?: number;
  /** Why the text is not complete, where it is not. */
  readonly error?: string;
}

const defaults = { from: 0, size: 1, pauseMilliseconds: 0 };

/** A fanfare server in a process of its own, which the test drives. */
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
      lines.once("close", () => reject(new Error("the server has ended before it was ready")));
    });
    const hello = JSON.parse(first) as { url: string; signingKey: string };
    const server = new Server(process, hello);
    lines.on("line", (line) => server.#answered(JSON.parse(line) as Answer));
    return server;
  }

  /** Publishes tokens as a Rust application does. The topic retains all of them. */
  async tokens(run: string, range: NumberedRange): Promise<void> {
    await this.#command({ command: "messages", topic: "tokens", run, ...defaults, ...range });
  }

  /** Publishes statuses in the same way. Of these the topic retains the last only. */
  async statuses(run: string, range: NumberedRange): Promise<void> {
    await this.#command({ command: "messages", topic: "status", run, ...defaults, ...range });
  }

  /** Publishes a status as a Rust application does, and gives its id. */
  async status(run: string, message: string, progress = 0, runId?: string): Promise<string> {
    return (await this.#command({ command: "status", run, message, progress, runId })) as string;
  }

  /** Writes a text stream on the draft topic, in pieces, and gives the id of its end. */
  async draft(run: string, text: string, options: DraftOptions = {}): Promise<string> {
    const { piece = 4, pauseMilliseconds = 0, error } = options;
    return (await this.#command({ command: "draft", run, text, piece, pauseMilliseconds, error })) as string;
  }

  /** A token for all topics of a run's channel; the id is to revoke it by. */
  async token(run: string, expiresIn = 300, id?: string): Promise<string> {
    return (await this.#command({ command: "token", run, expiresIn, id })) as string;
  }

  /** Starts a run that asks for a verdict with the signal `approve`. */
  async review(run: string, options: ReviewOptions = {}): Promise<void> {
    const hour = 3_600_000;
    const usual = { text: "Once upon a time", failures: 0, pauseMilliseconds: 0, patienceMilliseconds: hour };
    await this.#command({ command: "review", run, ...usual, ...options });
  }

  async revoke(id: string): Promise<void> {
    await this.#command({ command: "revoke", id });
  }

  /** A token to publish to all topics of a run's channel. */
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

  /** Asks for a token over HTTP. */
  async mint(body: unknown, bearer = this.signingKey): Promise<Response> {
    return fetch(`${this.url}/v1/realtime/token`, {
      method: "POST",
      headers: { authorization: `Bearer ${bearer}` },
      body: JSON.stringify(body),
    });
  }

  /** Stops gracefully. */
  async shutdown(): Promise<void> {
    await this.#command({ command: "shutdown" });
    await this.#ended;
  }

  /** Ends without a word, as a crash does. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#ended;
  }

  /** Cleans up; a server that has ended already is fine. */
  async stop(): Promise<void> {
    this.#process.stdin.end();
    await this.#ended;
  }

  async #command(command: Readonly<Record<string, unknown>>): Promise<unknown> {
    const ref = ++this.#lastReference;
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(ref, resolve));
    this.#process.stdin.write(`${JSON.stringify({ ref, ...command })}\n`);
    const ended = this.#ended.then((): Answer => ({ error: "the server has ended" }));
    const { result, error } = await Promise.race([answered, ended]);
    if (error !== undefined) {
      throw new Error(`the server could not do ${JSON.stringify(command)}: ${error}`);
    }
    return result;
  }

  #answered(answer: Answer): void {
    if (answer.ref === undefined) {
      throw new Error(`the server did not understand a command: ${answer.error}`);
    }
    this.#waiting.get(answer.ref)?.(answer);
    this.#waiting.delete(answer.ref);
  }
}

interface PublishOptions {
  readonly channel?: string;
  readonly runId?: string;
  /** Default: the signing key. Empty sends none. */
  readonly bearer?: string;
}
