import { execFile, execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { promisify } from "node:util";
import { onTestFinished } from "vitest";
import { type Access, environment } from "./command-line.js";
import { program } from "./paths.js";
import { until } from "./wait.js";

/** Returns whether tmux is installed. If not, prints how to install it. */
export function hasTmux(): boolean {
  try {
    execFileSync("tmux", ["-V"]);
    return true;
  } catch {
    console.warn("the tests in a terminal are skipped: they need tmux (Debian: `apt-get install tmux`)");
    return false;
  }
}

/** A terminal of 100 columns and 40 rows, with a shell. */
export class Terminal {
  readonly #socket = `fanfare-${randomUUID()}`;
  #commands = 0;

  private constructor() {}

  static async open(access: Access, variables: Readonly<Record<string, string>> = {}): Promise<Terminal> {
    const terminal = new Terminal();
    const shell = ["env", "PS1=$ ", "sh"];
    await promisify(execFile)(
      "tmux",
      ["-L", terminal.#socket, "-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "40", ...shell],
      { env: { ...environment(access), TERM: "xterm-256color", ...variables } },
    );
    onTestFinished(async () => void (await terminal.#tmux("kill-server")));
    return terminal;
  }

  /** Types `fanfare` with arguments, and Enter. */
  async type(...args: readonly string[]): Promise<void> {
    const command = [program("fanfare"), ...args].map((word) => `'${word}'`).join(" ");
    this.#commands += 1;
    await this.#tmux("send-keys", "-l", `clear; ${command}; echo "end ${this.#commands}: $?"`);
    await this.#tmux("send-keys", "Enter");
  }

  /** Waits until the last command ends with an exit code, and returns everything visible. */
  async ends(code: number): Promise<string> {
    return this.shows(`end ${this.#commands}: ${code}`);
  }

  async press(key: string): Promise<void> {
    await this.#tmux("send-keys", key);
  }

  /** Returns the visible text. */
  async text(): Promise<string> {
    return this.#tmux("capture-pane", "-p");
  }

  /** Returns the visible text with its colours, as escape sequences. */
  async colours(): Promise<string> {
    return this.#tmux("capture-pane", "-p", "-e");
  }

  /** Waits for a text, and returns everything visible. */
  async shows(text: string | RegExp): Promise<string> {
    let visible = "";
    const matches = async (): Promise<boolean> => {
      visible = await this.text();
      return typeof text === "string" ? visible.includes(text) : text.test(visible);
    };
    await until(`the terminal shows ${text}`, matches).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${visible}`);
    });
    return visible;
  }

  async #tmux(...args: readonly string[]): Promise<string> {
    return (await promisify(execFile)("tmux", ["-L", this.#socket, ...args])).stdout;
  }
}
