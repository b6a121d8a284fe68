import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { subscribe } from "../src/index.js";
import type { SubscriptionHandle } from "../src/index.js";
import { eventParser } from "../src/connection/transport/event-parser.js";
import { pipeline } from "./pipeline.js";
import { TestServer, tokenFor, until } from "./server.js";
import { setTiming } from "./support.js";

const channel = pipeline({ runId: "run_42" });
const token = tokenFor(channel.name, ["status", "tokens", "total"]);
let server: TestServer;
let open: SubscriptionHandle[];

beforeEach(async () => {
  server = await TestServer.start();
  open = [];
});
afterEach(async () => {
  open.forEach((subscription) => subscription.close());
  await server.stop();
});

async function collect(options: Partial<Parameters<typeof subscribe>[0]> = {}) {
  const seen: unknown[] = [];
  const errors: Error[] = [];
  const subscription = await subscribe({
    channel,
    token,
    apiBaseUrl: server.url,
    reconnectMinMs: 5,
    reconnectMaxMs: 20,
    onError: (error: Error) => void errors.push(error),
    ...options,
    onMessage: ({ data }: { data: unknown }) => void seen.push(data),
  });
  open.push(subscription);
  return { subscription, seen, errors };
}

describe("over an event stream", () => {
  it("messages arrive and resume as over a WebSocket", async () => {
    const { seen, subscription } = await collect({ transport: "sse", WebSocket });
    server.publish("tokens", "a", "b");
    server.cut();
    server.publish("tokens", "c");
    await until(() => seen.length === 3);
    server.close(1001);
    server.publish("tokens", "d");
    await until(() => seen.length === 4);
    expect(seen).toEqual(["a", "b", "c", "d"]);
    expect(server.handshakes).toBe(0);
    expect(subscription.connectionStatus).toBe("open");
  });

  it("all subscriptions share one stream, which is reopened when they change", async () => {
    const all = await Promise.all(Array.from({ length: 5 }, () => collect({ transport: "sse" })));
    expect(server.streams).toBe(1);
    server.publish("tokens", "a");
    const late = await collect({ transport: "sse" });
    server.publish("tokens", "b");
    await until(() => late.seen.length === 1 && all.every(({ seen }) => seen.length === 2));
    expect(all.map(({ seen }) => seen)).toEqual(all.map(() => ["a", "b"]));
    expect([server.streams, server.connections]).toEqual([2, 1]);
    late.subscription.close();
    await until(() => server.subscriptions === 5 && server.streams === 3);
  });

  it("refused subscriptions receive the reason", async () => {
    const { seen, errors } = await collect({ transport: "sse" });
    server.refusalCode = "unknown_channel";
    server.refusals = 2;
    // The existing subscription is refused in the new stream as well.
    await expect(collect({ transport: "sse" })).rejects.toMatchObject({ code: "unknown_channel" });
    expect(errors).toMatchObject([{ code: "unknown_channel" }]);
    expect(seen).toEqual([]);
    const other = await collect({ transport: "sse" });
    server.publish("tokens", "a");
    await until(() => other.seen.length === 1);
  });
});

describe("if no WebSocket can be opened", () => {
  it("an event stream is used at once, without an error", async () => {
    server.refusedHandshakes = Infinity;
    const { seen, errors } = await collect({ WebSocket });
    server.publish("tokens", "a");
    await until(() => seen.length === 1);
    server.cut();
    server.publish("tokens", "b");
    await until(() => seen.length === 2);
    // The second time, the client knows that WebSockets are blocked.
    expect([server.handshakes, errors]).toEqual([1, []]);
  });

  it("an event stream is used, as in Node 20, which has no WebSocket", async () => {
    const given = globalThis.WebSocket;
    Reflect.deleteProperty(globalThis, "WebSocket");
    const { seen } = await collect();
    server.publish("tokens", "a");
    await until(() => seen.length === 1);
    if (given !== undefined) {
      globalThis.WebSocket = given;
    }
  });

  it("a WebSocket is tried again while the event stream is open, and replaces it once open", async () => {
    setTiming({ webSocketRetryMin: 20 });
    server.refusedHandshakes = 3;
    const { seen, errors, subscription } = await collect({ WebSocket });
    const statuses = new Set([subscription.connectionStatus]);
    for (let index = 0; index < 20; index += 1) {
      server.publish("tokens", String(index));
      statuses.add(subscription.connectionStatus);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await until(() => server.handshakes === 4 && server.connections === 1 && seen.length === 20);
    expect(seen).toEqual(Array.from({ length: 20 }, (_, index) => String(index)));
    expect(errors).toEqual([]);
    expect([...statuses]).toEqual(["open"]);
    await until(() => server.streams === 1);
  });

  it("and no event stream either, the error names both, and both are tried until one opens", async () => {
    server.refusedHandshakes = 2;
    server.refusesStreams = true;
    const { errors } = await collect({ WebSocket });
    expect(errors.length).toBeGreaterThan(0);
    expect(errors[0]?.message).toMatch(/connect \(Unexpected server response: 401\) or to http.* \(503 no streams today\)$/);
    expect(server.handshakes).toBe(3);
  });
});

it("Retry-After is honored with either transport", async () => {
  server.refusedHandshakes = 1;
  server.refusedStreams = 1;
  server.retryAfter = "1";
  const begun = performance.now();
  const { seen } = await collect({ WebSocket });
  server.publish("tokens", "a");
  await until(() => seen.length === 1);
  expect(performance.now() - begun).toBeGreaterThan(990);
  expect([server.handshakes, server.streams]).toEqual([2, 1]);
});

it("a WebSocket that was open before is not replaced by an event stream at its first failure", async () => {
  const { seen } = await collect({ WebSocket });
  server.refusedHandshakes = 2;
  server.cut();
  server.publish("tokens", "a");
  await until(() => seen.length === 1);
  expect([server.handshakes, server.streams]).toEqual([4, 0]);
});

it("a network that drops the frames of every WebSocket is detected, and an event stream is used after one attempt", async () => {
  setTiming({ openTimeout: 2_000, probeTimeout: 100 });
  const { seen, subscription, errors } = await collect({ WebSocket });
  server.send({ kind: "alive", next_in: 200 });
  Object.assign(server, { isDeaf: "websocket", ignoresHandshakes: true });
  const start = performance.now();
  await until(() => server.streams === 1 && subscription.connectionStatus === "open");
  // 300 ms of silence, 100 for the probe, 20 of backoff and 2,000 for the attempt, on an idle machine. The default times
  // would be 25 seconds.
  expect(performance.now() - start).toBeLessThan(15_000);
  expect([server.handshakes, errors]).toEqual([2, []]);
  server.publish("tokens", "a");
  await until(() => seen.length === 1);
});

it("a server with a late heartbeat is probed, and the connection stays", async () => {
  const { subscription } = await collect({ WebSocket });
  server.send({ kind: "alive", next_in: 100 });
  await until(() => server.probes === 1);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect([server.handshakes, server.streams, subscription.connectionStatus]).toEqual([1, 0, "open"]);
});

it("events are parsed from chunks of any size", () => {
  const text = 'data: {"a":1}\n\n: a comment\nid: 7\ndata:x\r\ndata: y\r\n\r\ndata: é\r\revent: z\n\n';
  for (let size = 1; size <= text.length; size += 1) {
    const seen: string[] = [];
    const read = eventParser((data) => seen.push(data));
    for (let at = 0; at < text.length; at += size) {
      read(text.slice(at, at + size));
    }
    expect(seen, `in pieces of ${size}`).toEqual(['{"a":1}', "x\ny", "é"]);
  }
});
