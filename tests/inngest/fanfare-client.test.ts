import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { InvalidMessageError, subscribe as subscribeWithFanfare } from "fanfare";
import { createRealtime } from "fanfare/server";
import { channel, subscribe } from "inngest/realtime";
import { build, type Rolldown } from "vite";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { pipeline } from "../../generated/typescript/pipeline.js";
import { listen, quick } from "../end-to-end/support/listen.js";
import { root } from "../end-to-end/support/paths.js";
import { Proxy } from "../end-to-end/support/proxy.js";
import { Server } from "../end-to-end/support/server.js";
import { range, until } from "../end-to-end/support/wait.js";
import { appOf } from "./support/app.js";
import { follow } from "./support/follow.js";

let server: Server;
let app: ReturnType<typeof appOf>;

beforeAll(async () => {
  server = await Server.start();
  app = appOf(server);
});

afterAll(() => server.stop());

test("a slow validator reorders messages in the SDK, but not in Fanfare's client", async () => {
  let finish = () => {};
  const isFinished = new Promise<boolean>((resolve) => (finish = () => resolve(true)));
  const slow = channel({
    name: "pipeline:run_swap",
    topics: {
      status: { schema: z.object({ progress: z.number() }).refine(() => isFinished) },
      tokens: { schema: z.object({ index: z.number() }) },
    },
  });
  const told: string[] = [];
  const own = await subscribeWithFanfare({
    ...quick,
    channel: slow,
    token: await server.token("run_swap"),
    topics: ["status", "tokens"],
    apiBaseUrl: server.url,
    onMessage: ({ topic }) => void told.push(topic),
  });
  const guest = follow(await subscribe({ app, channel: slow, topics: ["status", "tokens"] }));
  for (const index of range(0, 3)) {
    await server.status("run_swap", "x");
    await server.tokens("run_swap", { from: index, count: 1 });
  }
  await guest.count(3);
  finish();
  await guest.count(6);
  await until("all have come", () => told.length >= 6);
  const turns = ["status", "tokens", "status", "tokens", "status", "tokens"];
  expect(told).toEqual(turns);
  expect(guest.messages.map(({ topic }) => topic)).not.toEqual(turns);
  own.close();
});

test("the SDK only logs invalid messages, and Fanfare's client reports them", async () => {
  const strict = channel({
    name: "pipeline:run_strict",
    topics: { status: { schema: z.object({ message: z.string(), progress: z.number().max(50) }) } },
  });
  const errors: Error[] = [];
  const own = await subscribeWithFanfare({
    ...quick,
    channel: strict,
    token: await server.token("run_strict"),
    topics: ["status"],
    apiBaseUrl: server.url,
    onMessage: () => {},
    onError: (error) => errors.push(error),
  });
  const logged = vi.spyOn(console, "error").mockReturnValue();
  const guest = follow(await subscribe({ app, channel: strict, topics: ["status"] }));
  await server.status("run_strict", "refused", 51);
  await server.status("run_strict", "accepted", 50);
  await guest.count(1);
  await until("it was reported", () => errors.length > 0);
  expect(guest.messages.map(({ data }) => data)).toEqual([{ message: "accepted", progress: 50 }]);
  expect(logged.mock.calls).toHaveLength(1);
  expect(errors[0]).toBeInstanceOf(InvalidMessageError);
  expect(errors[0]?.message).toContain("/progress");
  logged.mockRestore();
  own.close();
});

test("a token is renewed before it expires, and the connection stays open", async () => {
  const proxy = await Proxy.start(server.url);
  let asked = 0;
  const own = await listen("run_renew", {
    apiBaseUrl: proxy.url,
    token: () => {
      asked += 1;
      return server.token("run_renew", 3);
    },
  });
  await until("two tokens have ended", () => asked >= 4);
  await server.status("run_renew", "still here");
  await until("it has come", () => own.messages.length > 0);
  expect(proxy.connections).toBe(1);
  own.close();
  proxy.stop();
});

test("a publish whose response is lost is repeated, and arrives once", async () => {
  const own = await listen("run_lost", { apiBaseUrl: server.url, token: await server.token("run_lost") });
  const { fetch } = globalThis;
  let calls = 0;
  vi.stubGlobal("fetch", async (...args: Parameters<typeof fetch>) => {
    const response = await fetch(...args);
    calls += 1;
    if (calls === 1) {
      throw new TypeError("the network broke");
    }
    return response;
  });
  const realtime = createRealtime({ apiBaseUrl: server.url, signingKey: server.signingKey });
  const { id } = await realtime.publish(pipeline({ runId: "run_lost" }).tokens, { index: 0, text: "once" });
  await realtime.publish(pipeline({ runId: "run_lost" }).tokens, { index: 1, text: "next" });
  vi.unstubAllGlobals();
  await until("both have come", () => own.messages.length >= 2);
  expect(calls).toBe(3);
  expect(own.indexes).toEqual([0, 1]);
  expect(own.messages[0]?.id).toBe(id);
  own.close();
});

test("a page with Fanfare's hook loads less than 0.51 times as much code first as one with Inngest's", async () => {
  const theirs = await firstLoaded({ useRealtime: "inngest/react" });
  const ours = await firstLoaded({ useRealtime: "fanfare/react" });
  expect(ours.minified).toBeGreaterThan(1000);
  expect(ours.minified).toBeLessThan(0.51 * theirs.minified);
});

test("a page with the hook and the validators of a channel loads less than 19.6 kB first, compressed", async () => {
  const ours = await firstLoaded({ useRealtime: "fanfare/react", pipeline: join(root, "generated/typescript/pipeline.js") });
  expect(ours.compressed).toBeGreaterThan(1000);
  // With 0.8 kB of Vite's own.
  expect(ours.compressed).toBeLessThan(19_600);
});

/** Returns the sizes in bytes of the chunks that a page with these imports loads first, without React. */
async function firstLoaded(imports: Readonly<Record<string, string>>): Promise<{ minified: number; compressed: number }> {
  const statements = Object.entries(imports).map(([name, module]) => `import { ${name} } from ${JSON.stringify(module)};`);
  const code = `${statements.join("")} globalThis.used = [${Object.keys(imports).join()}];`;
  const entry = join(root, "page-of-a-test.js");
  const built = await build({
    root,
    configFile: false,
    logLevel: "silent",
    plugins: [
      {
        name: "page",
        resolveId: (id) => (id === entry ? id : undefined),
        load: (id) => (id === entry ? code : undefined),
      },
    ],
    build: {
      write: false,
      rolldownOptions: { input: entry, external: ["react"] },
    },
  });
  const outputs = (Array.isArray(built) ? built : [built]) as readonly Rolldown.RolldownOutput[];
  const chunks = outputs.flatMap(({ output }) => output).filter((file) => file.type === "chunk");
  const first = chunks.filter(({ isEntry }) => isEntry);
  for (const { imports } of first) {
    first.push(...chunks.filter((chunk) => imports.includes(chunk.fileName) && !first.includes(chunk)));
  }
  const sum = (sizes: readonly number[]) => sizes.reduce((total, size) => total + size, 0);
  return {
    minified: sum(first.map(({ code }) => code.length)),
    compressed: sum(first.map(({ code }) => gzipSync(code, { level: 9 }).length)),
  };
}
