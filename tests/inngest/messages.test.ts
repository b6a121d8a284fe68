import { channel, getSubscriptionToken, staticSchema, subscribe } from "inngest/realtime";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { pipeline } from "../../generated/typescript/pipeline.js";
import { system } from "../../generated/typescript/system.js";
import { listen } from "../end-to-end/support/listen.js";
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

test("the SDK receives messages from Rust typed, in its own envelope", async () => {
  const run = pipeline({ runId: "run_envelope" });
  const stream = await subscribe({ app, channel: run, topics: ["status"] });
  const before = Date.now();
  await server.status("run_envelope", "Researching", 40, "run_7");
  const { value: message } = await stream.getReader().read();
  if (message?.kind !== "data") {
    throw new Error(`not a message but ${message?.kind}`);
  }
  const progress: number = message.data.progress;
  expect(progress).toBe(40);
  expect(message).toEqual({
    kind: "data",
    channel: "pipeline:run_envelope",
    topic: "status",
    data: { message: "Researching", step: "write", progress: 40 },
    createdAt: expect.any(Date),
    runId: "run_7",
  });
  expect(message.createdAt.getTime()).toBeGreaterThanOrEqual(before);
  stream.close();
});

test("a stream, an encoded stream, a callback and a handler receive every message in order", async () => {
  const token = await getSubscriptionToken(app, { channel: pipeline({ runId: "run_ways" }), topics: ["tokens"] });
  const told: number[] = [];
  const handled: number[] = [];
  const stream = await subscribe(token, (message) => {
    if (message.kind === "data") {
      told.push(message.data.index);
    }
  });
  const json = follow(stream);
  const encoded = follow(stream.getEncodedStream());
  const handle = await app.realtime.subscribe({
    channel: pipeline({ runId: "run_ways" }),
    topics: ["tokens"],
    onMessage: (message) => {
      if (message.kind === "data") {
        handled.push(message.data.index);
      }
    },
  });
  await server.tokens("run_ways", { count: 300 });
  await until("all have come", () =>
    [json.messages, encoded.messages, told, handled].every(({ length }) => length >= 300),
  );
  const decoder = new TextDecoder();
  const events = encoded.messages.map((bytes) => decoder.decode(bytes));
  expect(events[0]).toMatch(/^data: \{.*\}\n\n$/u);
  const decoded = events.map((event) => JSON.parse(event.slice("data: ".length)) as { data: { index: number } });
  const plain = json.messages.map((message) => (message.kind === "data" ? message.data.index : -1));
  for (const indexes of [plain, decoded.map(({ data }) => data.index), told, handled]) {
    expect(indexes).toEqual(range(0, 300));
  }
  handle.unsubscribe();
  stream.unsubscribe();
  await until("the streams have ended", () => json.hasEnded && encoded.hasEnded);
});

test("messages of several topics arrive in the order of publishing", async () => {
  const own = await listen("run_order", {
    topics: ["status", "tokens"],
    token: await server.token("run_order"),
    apiBaseUrl: server.url,
  });
  const run = pipeline({ runId: "run_order" });
  const guest = follow(await subscribe({ app, channel: run, topics: ["status", "tokens"] }));
  await Promise.all([
    server.tokens("run_order", { count: 300 }),
    server.statuses("run_order", { count: 300 }),
    ...range(0, 20).map((index) => app.realtime.publish(run.tokens, { index: 1000 + index, text: "by the SDK" })),
  ]);
  await guest.count(620);
  await until("all have come", () => own.messages.length >= 620);
  const shape = ({ topic, data }: { readonly topic?: string; readonly data: unknown }) => ({ topic, data });
  expect(guest.messages.map(shape)).toEqual(own.messages.map(shape));
  own.close();
});

test("messages published right after subscribe() resolves arrive", async () => {
  for (const attempt of range(0, 5)) {
    const run = `run_at${attempt}`;
    const stream = await subscribe({ app, channel: pipeline({ runId: run }), topics: ["status"] });
    const guest = follow(stream);
    await server.statuses(run, { count: 500 });
    await guest.count(500);
    const indexes = guest.messages.map(({ data }) => Number.parseInt((data as { message: string }).message, 10));
    expect(indexes).toEqual(range(0, 500));
    stream.close();
  }
});

test("a new subscriber receives retained messages, although the SDK does not request them", async () => {
  await server.tokens("run_late", { count: 20 });
  await server.statuses("run_late", { count: 20 });
  // Repeated, because retained messages follow the status 101 immediately, and the SDK must not miss them.
  for (const _ of range(0, 20)) {
    const topics = ["status", "tokens"] as ("status" | "tokens")[];
    const stream = await subscribe({ app, channel: pipeline({ runId: "run_late" }), topics });
    const guest = follow(stream);
    await guest.count(21);
    const data = guest.messages.map((message) => (message.kind === "data" ? message.data : {}));
    expect(data).toEqual([
      ...range(0, 20).map((index) => ({ index, text: "x" })),
      { message: "19 x", step: "write", progress: 0 },
    ]);
    stream.close();
  }
});

test("a channel without params is used without a call", async () => {
  const stream = await subscribe({ app, channel: system, topics: ["notice"] });
  await app.realtime.publish(system.notice, { level: "info", text: "Back at noon" });
  const { value: message } = await stream.getReader().read();
  expect(message).toMatchObject({ channel: "system", topic: "notice", data: { text: "Back at noon" } });
  stream.close();
});

test("a channel that was written for Inngest works unchanged, and so does a plain name", async () => {
  const written = channel({
    name: ({ runId }: { runId: string }) => `pipeline:${runId}`,
    topics: { status: { schema: staticSchema<{ message: string; progress: number }>() } },
  });
  const typed = await subscribe({ app, channel: written({ runId: "run_written" }), topics: ["status"] });
  const bare = await subscribe({ app, channel: "pipeline:run_written", topics: ["status"] });
  await server.status("run_written", "Writing", 80);
  for (const stream of [typed, bare] as const) {
    const { value: message } = await (stream as ReadableStream<{ data: unknown }>).getReader().read();
    expect(message?.data).toMatchObject({ message: "Writing", progress: 80 });
    (stream as typeof typed).close();
  }
});

test("an error in a callback is passed to onError and stops nothing", async () => {
  const errors: unknown[] = [];
  const seen: number[] = [];
  const handle = await app.realtime.subscribe({
    channel: pipeline({ runId: "run_throws" }),
    topics: ["tokens"],
    onMessage: (message) => {
      if (message.kind === "data") {
        seen.push(message.data.index);
        throw new Error(`no ${message.data.index}`);
      }
    },
    onError: (error) => errors.push(error),
  });
  await server.tokens("run_throws", { count: 3 });
  await until("all errors were reported", () => errors.length >= 3);
  expect(seen).toEqual([0, 1, 2]);
  handle.close();
});

test("a subscriber that does not read does not delay others", async () => {
  const run = pipeline({ runId: "run_slow" });
  const { key = "" } = await app.realtime.token({ channel: run, topics: ["status"] });
  const slow = new WebSocket(`${server.url.replace("http", "ws")}/v1/realtime/connect?token=${key}`);
  await new Promise((resolve) => slow.on("open", resolve));
  slow.pause();
  const guest = follow(await app.realtime.subscribe({ channel: run, topics: ["status"] }));
  await server.statuses("run_slow", { count: 200, size: 80_000 });
  await guest.count(200);
  expect(guest.messages).toHaveLength(200);
  slow.terminate();
});
