import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { ConnectionError, subscribe } from "../src/index.js";
import type { SubscriptionHandle } from "../src/index.js";
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
  vi.restoreAllMocks();
  await server.stop();
});

function basics() {
  const speed = { reconnectMinMs: 5, reconnectMaxMs: 20 };
  return { channel, token, apiBaseUrl: server.url, WebSocket, ...speed } as const;
}

async function collect(options: Partial<Parameters<typeof subscribe>[0]> = {}) {
  const seen: unknown[] = [];
  const errors: Error[] = [];
  const subscription = await subscribe({
    ...basics(),
    onError: (error: Error) => void errors.push(error),
    ...options,
    onMessage: ({ data }: { data: unknown }) => void seen.push(data),
  });
  open.push(subscription);
  return { subscription, seen, errors };
}

describe("all subscriptions of a page to a server", () => {
  it("share one connection, each with its own cursor", async () => {
    server.publish("tokens", "a");
    const early = await collect({ since: "start" });
    const all = await Promise.all(Array.from({ length: 20 }, () => collect()));
    server.publish("tokens", "b", "c");
    await until(() => all.every(({ seen }) => seen.length === 2));
    expect(early.seen).toEqual(["a", "b", "c"]);
    expect(server.handshakes).toBe(1);
    expect(server.subscriptions).toBe(21);
    expect(new Set(server.tokens)).toEqual(new Set([token]));
  });

  it("resume each from its own cursor when the connection is lost", async () => {
    const first = await collect();
    server.publish("tokens", "a");
    const second = await collect();
    server.cut();
    server.publish("tokens", "b");
    await until(() => first.seen.length === 2 && second.seen.length === 1);
    expect([first.seen, second.seen]).toEqual([["a", "b"], ["b"]]);
    expect(server.handshakes).toBe(2);
  });

  it("end one by one, and the connection soon after the last", async () => {
    setTiming({ idleTimeout: 50 });
    const [first, second] = [await collect(), await collect()];
    first.subscription.close();
    await until(() => server.subscriptions === 1);
    server.publish("tokens", "a");
    await until(() => second.seen.length === 1);
    expect(first.seen).toEqual([]);
    second.subscription.close();
    const third = await collect();
    expect(server.handshakes).toBe(1);
    third.subscription.close();
    await until(() => server.connections === 0);
  });

  it("are not affected when another one is refused", async () => {
    const standing = await collect();
    server.refusals = 1;
    await expect(subscribe(basics())).rejects.toMatchObject({ code: "unauthorized", fatal: true });
    server.publish("tokens", "a");
    await until(() => standing.seen.length === 1);
    expect(standing.errors).toEqual([]);
    expect(server.handshakes).toBe(1);
  });

  it("use separate connections for other servers and other WebSocket constructors", async () => {
    const other = await TestServer.start();
    class Other extends WebSocket {}
    await collect();
    await collect({ apiBaseUrl: other.url });
    await collect({ WebSocket: Other });
    expect([server.handshakes, other.handshakes]).toEqual([2, 1]);
    await other.stop();
  });

  it("follow a token to the server that it names", async () => {
    const { seen } = await collect({ apiBaseUrl: undefined, token: { key: token, apiBaseUrl: server.url } });
    server.publish("tokens", "a");
    await until(() => seen.length === 1);
  });
});

it("a subscription that the server does not confirm is retried, without affecting the others", async () => {
  const standing = await collect();
  setTiming({ confirmTimeout: 500 });
  server.silences = 1;
  const late = await collect();
  expect(late.errors.map(({ message }) => message)).toEqual([
    'Could not subscribe to the channel "pipeline:run_42": the server did not confirm in time',
  ]);
  server.publish("tokens", "a");
  await until(() => standing.seen.length + late.seen.length === 2);
  expect([standing.errors, server.handshakes, server.subscriptions]).toEqual([[], 1, 2]);
});

it("a WebSocket that opens but drops all frames is replaced by an event stream", async () => {
  setTiming({ confirmTimeout: 500 });
  server.silences = 1;
  const { seen, errors } = await collect();
  server.publish("tokens", "a");
  await until(() => seen.length === 1);
  expect([errors, server.handshakes, server.streams]).toEqual([[], 1, 1]);
});

it("a token that is too long for a frame ends its subscription without affecting the others", async () => {
  await expect(subscribe({ ...basics(), token: `a.${"b".repeat(30_000)}.c` })).rejects.toThrow(/too long/);
});

describe("a refusal has the reason", () => {
  it.each(["not_granted", "unknown_channel", "unknown_topic", "too_many_channels", "bad_frame"])(
    "and %s ends the subscription, as another token would not help",
    async (code) => {
      server.refusals = 1;
      server.refusalCode = code;
      const attempt = subscribe({ ...basics(), token: () => token });
      await expect(attempt).rejects.toMatchObject({ code, fatal: true });
      await expect(attempt).rejects.toThrow(
        'Could not subscribe to the channel "pipeline:run_42": the token is not valid',
      );
    },
  );

  it.each(["unauthorized", "too_many_connections", "unavailable", "of_tomorrow"])(
    "and %s is tried again with another token",
    async (code) => {
      server.refusals = 2;
      server.refusalCode = code;
      let calls = 0;
      const { errors } = await collect({ token: () => tokenFor(channel.name, ["tokens"], 60 + ++calls) });
      expect(errors).toMatchObject([{ code, fatal: false }, { code, fatal: false }]);
      expect(new Set(server.tokens).size).toBe(3);
      expect(server.handshakes).toBe(1);
    },
  );

  it.each(["websocket", "sse"] as const)("and ends a subscription whose only token has expired, over %s", async (transport) => {
    server.refusals = 1;
    const attempt = subscribe({ ...basics(), transport, token: tokenFor(channel.name, ["status"], -60) });
    await expect(attempt).rejects.toThrow(/the token has expired; set `token` to a function.*\(expired\)/);
    await expect(attempt).rejects.toBeInstanceOf(ConnectionError);
    await expect(attempt).rejects.toMatchObject({ code: "expired", fatal: true });
  });
});

it("frames of another channel are ignored, and reported once", async () => {
  const { seen, errors, subscription } = await collect({ since: "start" });
  const other = { channel: "pipeline:run_43", created_at: "2026-11-22T03:31:00.000Z", topic: "tokens" };
  server.send({ kind: "data", ...other, id: "9", data: "x" });
  server.send({ kind: "ready", ...other, position: "9", fingerprint: "9f2c" });
  server.send({ kind: "gap", ...other, after: "1", before: "9" });
  server.publish("tokens", "a");
  server.cut();
  server.publish("tokens", "b");
  await until(() => seen.length === 2);
  expect([seen, subscription.gap]).toEqual([["a", "b"], null]);
  expect(errors).toMatchObject([{ name: "ProtocolError", code: "wrong_channel" }]);
});

describe("when the server closes", () => {
  it("the connection moves after the server's delay, and is read until then", async () => {
    const { seen, subscription } = await collect({ reconnectMinMs: 60_000, reconnectMaxMs: 60_000 });
    const statuses = new Set<string>();
    server.publish("tokens", "a");
    const since = performance.now();
    server.send({ kind: "closing", reconnect_in: 2_000 });
    server.publish("tokens", "b");
    await until(() => seen.length === 2);
    expect(server.handshakes).toBe(1);
    await until(() => server.handshakes === 2 && server.connections === 1 && server.subscriptions === 1);
    expect(performance.now() - since).toBeGreaterThan(1_900);
    server.publish("tokens", "c");
    await until(() => {
      statuses.add(subscription.connectionStatus);
      return seen.length === 3;
    });
    expect(seen).toEqual(["a", "b", "c"]);
    expect([...statuses]).toEqual(["open"]);
    // The next server accepts the same token.
    expect(server.tokens).toEqual([token, token]);
  });

  it.each(["websocket", "sse"] as const)("and the connection over %s ends before the delay, it reconnects only after the delay", async (transport) => {
    let calls = 0;
    const { seen, subscription } = await collect({ transport, token: () => ((calls += 1), token) });
    server.send({ kind: "closing", reconnect_in: 2_000 });
    server.close(1001);
    await until(() => subscription.connectionStatus === "connecting");
    server.publish("tokens", "a");
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect([server.handshakes + server.streams, seen]).toEqual([1, []]);
    await until(() => seen.length === 1);
    expect([server.handshakes + server.streams, calls]).toEqual([2, 1]);
  });

  it("without a delay, each client picks its own", async () => {
    setTiming({ reconnectSpread: 400 });
    vi.spyOn(Math, "random").mockReturnValue(0.5);
    await collect();
    server.send({ kind: "closing" });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(server.handshakes).toBe(1);
    await until(() => server.handshakes === 2);
  });

  it("and no other server accepts it, the connection is read to the end and then restored", async () => {
    const { seen, subscription } = await collect();
    server.refusedHandshakes = Infinity;
    server.send({ kind: "closing", reconnect_in: 0 });
    await until(() => server.handshakes > 3);
    server.publish("tokens", "a");
    await until(() => seen.length === 1);
    expect(subscription.connectionStatus).toBe("open");
    server.close(1001);
    await until(() => subscription.connectionStatus !== "open");
    server.refusedHandshakes = 0;
    server.publish("tokens", "b");
    await until(() => seen.length === 2);
    expect(seen).toEqual(["a", "b"]);
  });
});

it("a connection that was closed as unused is opened again for the next token", async () => {
  let give: (value: string) => void = () => {};
  const brief = tokenFor(channel.name, ["tokens"], 20);
  const answers = [Promise.resolve(brief), new Promise<string>((resolve) => (give = resolve))];
  const { seen, errors } = await collect({ token: () => answers.shift() ?? token });
  server.cut();
  await until(() => server.connections === 1);
  server.close(4408);
  server.publish("tokens", "a");
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(server.handshakes).toBe(2);
  give(token);
  await until(() => seen.length === 1);
  expect(errors).toEqual([]);
  expect(server.handshakes).toBe(3);
});

it("a connection that was closed as unused while a `sub` was in flight is restored", async () => {
  const { seen, subscription } = await collect();
  server.close(4408);
  server.publish("tokens", "a");
  await until(() => seen.length === 1);
  expect(subscription.connectionStatus).toBe("open");
});
