import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export interface Server {
  readonly url: string;
  /** Kills the process, as a crash does. */
  kill(): Promise<void>;
  /** Starts another process with the same port and database. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const target = process.env["CARGO_TARGET_DIR"] ?? join(root, "target");

/** The key of all processes, as in `cargo xtask demo`. */
const SIGNING_KEY = `signkey-test-${"0123456789abcdef".repeat(4)}`;

/** Starts the example's server on a free port, after `cargo build -p content-pipeline`. `pause` is in milliseconds. */
export async function startServer(pause = 10): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), "content-pipeline-"));
  const settings = ["--pause", String(pause), "--database", join(folder, "test.db")];
  let server = await startProcess(["--port", "0", ...settings]);
  return {
    url: server.url,
    kill: () => end(server.child, "SIGKILL"),
    restart: async () => {
      server = await startProcess(["--port", new URL(server.url).port, ...settings]);
    },
    stop: async () => {
      await end(server.child, "SIGTERM");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function startProcess(settings: readonly string[]): Promise<{ child: ChildProcess; url: string }> {
  const program = join(target, "debug", "content-pipeline");
  if (!existsSync(program)) {
    throw new Error(`${program} is missing: run \`cargo build -p content-pipeline\``);
  }
  const example = join(root, "examples/content-pipeline");
  const content = ["--text", join(example, "lighthouse.md"), "--page", join(example, "page/dist")];
  const child = spawn(program, [...settings, ...content], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, FANFARE_SIGNING_KEY: SIGNING_KEY },
  });
  for await (const line of createInterface(child.stdout)) {
    const url = /^Listening on (.*)$/u.exec(line)?.[1];
    if (url !== undefined) {
      return { child, url };
    }
  }
  throw new Error("the server exited before it was ready");
}

async function end(child: ChildProcess, signal: "SIGKILL" | "SIGTERM"): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = new Promise((resolve) => child.on("exit", resolve));
    child.kill(signal);
    await ended;
  }
}

/** Returns the path in `FANFARE_CHROMIUM`, or that of a Chromium on the `PATH`. */
export function findBrowser(): string {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
  const candidates = names.flatMap((name) => folders.map((folder) => join(folder, name)));
  const browser = [process.env["FANFARE_CHROMIUM"] ?? "", ...candidates].find((path) => existsSync(path));
  if (browser === undefined) {
    throw new Error("cannot find Chromium: install it, or set FANFARE_CHROMIUM to its path");
  }
  return browser;
}
