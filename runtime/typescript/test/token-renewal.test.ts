import { afterEach, beforeEach, expect, it } from "vitest";
import { WebSocket } from "ws";
import { subscribe } from "../src/index.js";
import type { SubscriptionHandle, TokenInput } from "../src/index.js";
import { pipeline } from "./pipeline.js";
import { TestServer, tokenFor, until } from "./server.js";
import { setTiming } from "./support.js";

const channel = pipeline({ runId: "run_42" });
const token = tokenFor(channel.name, ["status", "tokens", "total"]);
let server: TestServer;
let subscription: SubscriptionHandle;
let seen: unknown[];
let errors: Error[];

beforeEach(async () => {
  server = await TestServer.start();
  seen = [];
  errors = [];
});
afterEach(async () => {
  subscription.close();
  await server.stop();
});

/** The transports, which report errors differently. */
const transports = ["websocket", "sse"] as const;

async function open(given: TokenInput, transport: "websocket" | "sse" = "websocket"): Promise<void> {
  subscription = await subscribe({
    channel,
    token: given,
    apiBaseUrl: server.url,
    WebSocket,
    transport,
    reconnectMinMs: 5,
    reconnectMaxMs: 20,
    onMessage: ({ data }) => void seen.push(data),
    onError: (error) => void errors.push(error),
  });
}

/** Returns a factory whose tokens all differ. */
function factory(): () => string {
  let calls = 0;
  return () => tokenFor(channel.name, ["tokens"], 60 + ++calls);
}

it("a token that expires is renewed in band", async () => {
  await open(factory());
  for (const round of [1, 2, 3]) {
    server.send({ kind: "expiring", in: 15_000 });
    await until(() => server.renewals.length === round);
  }
  server.publish("tokens", "a");
  await until(() => seen.length === 1);
  expect(new Set([...server.tokens, ...server.renewals]).size).toBe(4);
  expect(server.handshakes).toBe(1);
  expect([errors, subscription.connectionStatus]).toEqual([[], "open"]);
});

it("an event stream is reopened with the new token, and no message is lost or repeated", async () => {
  await open(factory(), "sse");
  const expected = [];
  for (const round of [1, 2, 3]) {
    server.publish("tokens", `${round}a`);
    server.send({ kind: "expiring", in: 15_000 });
    server.publish("tokens", `${round}b`);
    expected.push(`${round}a`, `${round}b`);
    await until(() => server.tokens.length === 1 + round && server.subscriptions === 1);
  }
  await until(() => seen.length === expected.length);
  expect(seen).toEqual(expected);
  expect(new Set(server.tokens).size).toBe(4);
  expect([errors, subscription.connectionStatus]).toEqual([[], "open"]);
});

it("a renewal is retried until the token expires, whether the factory or the server fails", async () => {
  let calls = 0;
  await open(() => {
    calls += 1;
    return calls === 2 ? Promise.reject(new Error("no session")) : token;
  });
  server.refusedRenewals = 2;
  server.send({ kind: "expiring", in: 15_000 });
  await until(() => server.renewals.length === 3);
  expect(errors.map(({ message }) => message)).toEqual([
    "The `token` function failed: no session",
    'Could not renew the token for the channel "pipeline:run_42": the token is not valid',
    'Could not renew the token for the channel "pipeline:run_42": the token is not valid',
  ]);
  expect(subscription.connectionStatus).toBe("open");
  expect(server.handshakes).toBe(1);
});

it("a factory that never settles is called again", async () => {
  setTiming({ functionTimeout: 40 });
  let calls = 0;
  await open(() => {
    calls += 1;
    return calls === 2 ? new Promise(() => {}) : token;
  });
  server.send({ kind: "expiring", in: 15_000 });
  server.publish("tokens", "a");
  await until(() => server.renewals.length === 1 && seen.length === 1);
  expect(seen).toEqual(["a"]);
  expect(errors[0]?.message).toMatch(/did not settle within/);
});

it.each(["expired", "revoked"].flatMap((code) => transports.map((transport) => [code, transport] as const)))(
  "a subscription whose token is %s is made again from its cursor, over %s",
  async (code, transport) => {
    await open(factory(), transport);
    server.publish("tokens", "a");
    server.unsubscribe(code);
    server.publish("tokens", "b");
    await until(() => seen.length === 2);
    expect(seen).toEqual(["a", "b"]);
    expect(new Set(server.tokens).size).toBe(2);
    expect(errors).toEqual([]);
  },
);

it.each([
  ["expired", "the token has expired; set `token` to a function"],
  ["revoked", "the token was revoked; set `token` to a function"],
])("a subscription whose only token is %s ends with an error that says so", async (code, message) => {
  await open(token);
  server.send({ kind: "expiring", in: 15_000 });
  server.unsubscribe(code);
  const error = await subscription.closed;
  expect(error).toMatchObject({ fatal: true, code });
  expect(error?.message).toContain(message);
  expect(server.renewals).toEqual([]);
  await until(() => errors.length === 1);
  expect(errors[0]).toBe(error);
});

it.each(transports)("over %s, a token with time left serves the next connection, and a new one is fetched if it is refused", async (transport) => {
  const tokens = factory();
  let calls = 0;
  await open(() => ((calls += 1), tokens()), transport);
  server.cut();
  await until(() => server.tokens.length === 2 && subscription.connectionStatus === "open");
  expect([calls, new Set(server.tokens).size]).toEqual([1, 1]);
  server.refusals = 1;
  server.cut();
  server.publish("tokens", "a");
  await until(() => seen.length === 1);
  expect([calls, server.tokens.length, new Set(server.tokens).size]).toEqual([2, 4, 2]);
  expect(errors).toEqual([]);
});

it.each([
  ["30 seconds", 29, undefined],
  ["a quarter of its time", 10, 100],
])("a token with less than %s left is not used for another connection", async (_, left, lifetime) => {
  let calls = 0;
  await open(() => ((calls += 1), tokenFor(channel.name, ["tokens"], left, [], lifetime)));
  server.cut();
  await until(() => server.tokens.length === 2);
  expect(calls).toBe(2);
});

it("a token that ends does not affect other subscriptions", async () => {
  await open(token);
  const other = await subscribe({ channel, token: factory(), apiBaseUrl: server.url, WebSocket, transport: "websocket" });
  server.unsubscribe("expired");
  await subscription.closed;
  server.publish("tokens", "a");
  expect((await other.next()).value?.data).toBe("a");
  expect(server.handshakes).toBe(1);
  other.close();
});
