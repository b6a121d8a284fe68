import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { program } from "./paths.js";

/** A program in its own process. */
export class Program {
  readonly #lines: string[] = [];
  readonly #process: ChildProcess;

  constructor(name: string, args: readonly string[], options: { readonly cwd?: string; readonly key?: string } = {}) {
    const { FANFARE_SIGNING_KEY: _, ...env } = process.env;
    this.#process = spawn(program(name), args, {
      stdio: ["ignore", "pipe", "inherit"],
      env: options.key === undefined ? env : { ...env, FANFARE_SIGNING_KEY: options.key },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    createInterface(this.#process.stdout!).on("line", (line) => this.#lines.push(line));
  }

  /** Waits for text that matches, and returns its first group. Later calls search the text after it. */
  async expect(pattern: RegExp): Promise<string> {
    for (let waited = 0; waited < 20_000; waited += 50) {
      const at = this.#lines.findIndex((line) => pattern.test(line));
      if (at !== -1) {
        const line = this.#lines.splice(0, at + 1).at(-1) ?? "";
        return pattern.exec(line)?.[1] ?? "";
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`the program did not print ${pattern}: ${this.#lines.join("\n")}`);
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGINT");
    await ended;
  }
}
