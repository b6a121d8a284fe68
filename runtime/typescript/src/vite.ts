/**
 * A Vite plugin that generates channels: once before a build, and after each change of a definition during development.
 *
 * @example
 * ```ts
 * // vite.config.js
 * import { fanfare } from "fanfare/vite";
 *
 * export default { plugins: [fanfare()] };
 * ```
 *
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import { delimiter, join, resolve } from "node:path";

export interface FanfarePluginOptions {
  /** The command. Default: `fanfare`, of the project's packages or of the path. */
  readonly command?: string | undefined;
  /** Further arguments of `fanfare generate`, such as `["--config", "../fanfare.yaml"]`. */
  readonly args?: readonly string[] | undefined;
  /** The folder in which the command runs. Default: Vite's root. */
  readonly cwd?: string | undefined;
}

/** The parts of a Vite plugin that this one has. */
export interface FanfarePlugin {
  readonly name: "fanfare";
  configResolved(config: { readonly root: string; readonly command: "build" | "serve" }): void;
  buildStart(): Promise<void>;
  configureServer(server: DevServer): void;
}

interface DevServer {
  readonly config: { readonly logger: { info(message: string): void; error(message: string): void } };
  readonly ws: { send(payload: { readonly type: "error"; readonly err: { readonly message: string; readonly stack: string } }): void };
  readonly httpServer: { once(event: "close", listener: () => void): unknown } | null;
}

/** Returns the plugin. A definition with errors fails a build; during development, the page shows the errors. */
export function fanfare({ command = "fanfare", args = [], cwd }: FanfarePluginOptions = {}): FanfarePlugin {
  let folder = process.cwd();
  let isBuild = false;
  const run = (...more: string[]): ChildProcess =>
    spawn(command, ["generate", ...args, ...more], {
      cwd: folder,
      env: { ...process.env, PATH: `${join(folder, "node_modules/.bin")}${delimiter}${process.env["PATH"] ?? ""}` },
      stdio: ["ignore", "pipe", "pipe"],
      shell: process.platform === "win32",
    });
  return {
    name: "fanfare",
    configResolved(config) {
      folder = cwd === undefined ? config.root : resolve(config.root, cwd);
      isBuild = config.command === "build";
    },
    async buildStart() {
      if (isBuild) {
        await finish(run());
      }
    },
    configureServer({ config: { logger }, ws, httpServer }) {
      const child = run("--watch");
      child.stdout?.on("data", (chunk: Buffer) => logger.info(`fanfare: ${chunk.toString().trimEnd()}`));
      child.stderr?.on("data", (chunk: Buffer) => {
        const message = chunk.toString().trimEnd();
        logger.error(`fanfare: ${message}`);
        ws.send({ type: "error", err: { message, stack: "" } });
      });
      child.on("error", (error) => logger.error(describe(error)));
      const stop = (): void => void child.kill();
      process.once("exit", stop);
      httpServer?.once("close", () => {
        process.off("exit", stop);
        stop();
      });
    },
  };
}

/** Waits for the command to succeed. */
function finish(child: ChildProcess): Promise<void> {
  let output = "";
  child.stderr?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.on("error", (error) => reject(new Error(describe(error), { cause: error })));
    child.on("close", (code) => (code === 0 ? resolve() : reject(new Error(output.trimEnd()))));
  });
}

function describe(error: Error): string {
  return (error as NodeJS.ErrnoException).code === "ENOENT"
    ? "fanfare: cannot find the command. Install it with `npm install --save-dev @fanfare/cli`, or name it with the option `command`"
    : `fanfare: ${error.message}`;
}
