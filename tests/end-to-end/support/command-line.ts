import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { onTestFinished } from "vitest";
import { program } from "./paths.js";

/** A server, and the key to it. */
export interface Access {
  readonly url: string;
  readonly signingKey: string;
}

export interface Ended {
  /** The exit code. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The environment in which `fanfare` finds a server. */
export function environment({ url, signingKey }: Access): NodeJS.ProcessEnv {
  return { ...process.env, FANFARE_URL: url, FANFARE_SIGNING_KEY: signingKey, FANFARE_TOKEN: "" };
}

/** A command that runs, with pipes in place of a terminal. */
export class Command {
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly ended: Promise<Ended>;
  stdout = "";
  stderr = "";

  constructor(access: Access, args: readonly string[], input = "", executable = program("fanfare")) {
    this.#process = spawn(executable, args, { env: environment(access), stdio: ["pipe", "pipe", "pipe"] });
    this.#process.stdout.setEncoding("utf8").on("data", (text: string) => (this.stdout += text));
    this.#process.stderr.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
    // A command that needs no input may be gone before it is written.
    this.#process.stdin.on("error", () => {}).end(input);
    this.ended = new Promise((resolve) =>
      this.#process.on("close", (code) => resolve({ code, stdout: this.stdout, stderr: this.stderr })),
    );
    onTestFinished(() => void this.#process.kill("SIGKILL"));
  }

  /** The complete lines of JSON that it has printed. */
  lines<T>(): T[] {
    return parse(this.stdout.slice(0, this.stdout.lastIndexOf("\n") + 1));
  }

  /** Interrupts it, as Ctrl-C does. */
  async interrupt(): Promise<Ended> {
    this.#process.kill("SIGINT");
    return this.ended;
  }
}

/** Runs `fanfare` to its end. */
export function fanfare(access: Access, args: readonly string[], input = ""): Promise<Ended> {
  return new Command(access, args, input).ended;
}

/** Parses lines of JSON. */
export function parse<T>(text: string): T[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as T);
}
