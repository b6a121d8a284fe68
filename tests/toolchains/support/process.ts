import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { environment } from "./run.js";

/** Starts a program that serves HTTP, and waits until it responds. Disposing stops it and the processes it started. */
export async function startServer(
  folder: string,
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  url: string,
): Promise<AsyncDisposable> {
  const server = spawn(program, args, { cwd: folder, env: environment(env), stdio: ["ignore", "ignore", "inherit"], detached: true });
  const exit = once(server, "exit");
  const stop = async () => {
    if (server.exitCode === null) {
      process.kill(-(server.pid ?? 0), "SIGTERM");
      await exit;
    }
  };
  for (let attempt = 0; attempt < 300 && server.exitCode === null; attempt += 1) {
    if (await fetch(url).then(() => true, () => false)) {
      return { [Symbol.asyncDispose]: stop };
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await stop();
  throw new Error(`${program} does not serve ${url}`);
}

/** Returns a port of the loopback interface that is free now. */
export async function findPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
