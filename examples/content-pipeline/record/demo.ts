import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** The first build may take minutes. */
const START_TIMEOUT_MS = 20 * 60_000;

/** `cargo xtask demo`, with its terminal. */
export class Demo {
  /** The lines in the terminal since the server is ready. */
  readonly lines: string[] = [];
  /** How often Enter was pressed. */
  enterCount = 0;
  url = "";
  readonly #process: ChildProcessWithoutNullStreams;

  private constructor(process: ChildProcessWithoutNullStreams) {
    this.#process = process;
  }

  /** Starts it on a free port, and waits until the page can be opened. */
  static async start(xtask: string, database: string): Promise<Demo> {
    const child = spawn(xtask, ["demo", "--port", "0", "--database", database]);
    const demo = new Demo(child);
    child.stderr.pipe(process.stderr);
    const timer = setTimeout(() => child.kill("SIGINT"), START_TIMEOUT_MS);
    await new Promise<void>((resolve, reject) => {
      const terminal = createInterface(child.stdout);
      terminal.on("line", (line) => {
        demo.#show(line);
        if (line.includes("Press Ctrl-C")) {
          resolve();
        }
      });
      terminal.on("close", () => reject(new Error("the demo ended before its page could be opened")));
    });
    clearTimeout(timer);
    return demo;
  }

  pressEnter(): void {
    this.enterCount += 1;
    this.#process.stdin.write("\n");
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null) {
      const ended = new Promise((resolve) => this.#process.on("exit", resolve));
      this.#process.kill("SIGINT");
      await ended;
    }
  }

  /** Keeps the lines after those of the build, without the path of the temporary database. */
  #show(line: string): void {
    const url = /^ {2}Open (\S+)$/u.exec(line)?.[1];
    this.url ||= url ?? "";
    if (this.url !== "" && line.trim() !== "" && !line.includes("Storing")) {
      this.lines.push(line.trim());
    }
  }
}
