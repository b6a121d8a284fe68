import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export interface Server {
  readonly url: string;
  stop(): Promise<void>;
}

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const target = process.env["CARGO_TARGET_DIR"] ?? join(root, "target");

/** Starts the example's server on a free port, after `cargo build -p content-pipeline`. `pause` is in milliseconds. */
export async function startServer(pause = 10): Promise<Server> {
  const program = join(target, "debug", "content-pipeline");
  if (!existsSync(program)) {
    throw new Error(`${program} is missing: run \`cargo build -p content-pipeline\``);
  }
  const text = join(root, "runtime/PROTOCOL.md");
  const page = join(root, "examples/content-pipeline/page/dist");
  const folder = await mkdtemp(join(tmpdir(), "content-pipeline-"));
  const settings = ["--port", "0", "--pause", String(pause), "--database", join(folder, "test.db")];
  const server = spawn(program, [...settings, "--text", text, "--page", page], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<void>((resolve) => server.on("exit", () => resolve()));
  const stop = async () => {
    server.kill("SIGTERM");
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  for await (const line of createInterface(server.stdout)) {
    const url = /^Listening on (.*)$/u.exec(line)?.[1];
    if (url !== undefined) {
      return { url, stop };
    }
  }
  throw new Error("the server exited before it was ready");
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
