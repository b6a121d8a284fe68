import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { build } from "esbuild";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { TestServer, tokenFor, until } from "./server.js";

const token = tokenFor("pipeline:run_42", ["tokens"]);
let folder: string;
let program: string;
let server: TestServer;
let client: ChildProcess;
let printed: Readonly<Record<string, unknown>>[];

beforeAll(async () => {
  // In this folder, so that it finds the package "ws".
  folder = await mkdtemp(join(import.meta.dirname, ".suspended-"));
  program = join(folder, "client.mjs");
  const entryPoints = [join(import.meta.dirname, "suspended-client.ts")];
  await build({ entryPoints, bundle: true, packages: "external", platform: "node", format: "esm", outfile: program });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

beforeEach(async () => {
  server = await TestServer.start();
  printed = [];
});
afterEach(async () => {
  client.kill("SIGKILL");
  await server.stop();
});

function start(block: string): void {
  const options = JSON.stringify({ url: server.url, token, block });
  client = spawn(process.execPath, [program, options], { stdio: ["pipe", "pipe", "inherit"] });
  createInterface({ input: client.stdout! }).on("line", (line) => printed.push(JSON.parse(line)));
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Checks that the first WebSocket is still open, without errors. */
function isUndisturbed(): void {
  expect([server.handshakes, server.streams, printed.filter(({ error }) => error)]).toEqual([1, 0, []]);
}

it("a client that was stopped for longer than its deadlines keeps its WebSocket and receives everything", async () => {
  start("never");
  await until(() => printed.length === 1);
  const payloads: string[] = [];
  for (const round of [1, 2, 3]) {
    server.send({ kind: "alive", next_in: 1_000 });
    await pause(50 * round);
    client.kill("SIGSTOP");
    for (let index = 0; index < 20; index += 1) {
      payloads.push(`${round} ${index}`);
      server.publish("tokens", payloads.at(-1));
      await pause(130);
    }
    client.kill("SIGCONT");
    await until(() => printed.length === 1 + payloads.length);
  }
  expect(printed.slice(1).map(({ data }) => data)).toEqual(payloads);
  isUndisturbed();
});

it.each(["fetching a token", "opening", "subscribing", "asking"])(
  "a client whose event loop was blocked while %s reads the answer before it gives up",
  async (block) => {
    start(block);
    await until(() => printed.length === 1);
    if (block === "asking") {
      server.send({ kind: "alive", next_in: 100 });
      await until(() => server.probes > 0);
    }
    server.publish("tokens", "a");
    await until(() => printed.length === 2);
    await pause(500);
    expect(printed).toEqual([{ open: true }, { data: "a" }]);
    isUndisturbed();
  },
);
