import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { send, subscribe } from "../src/index.js";
import type { SubscriptionHandle, TokenInput } from "../src/index.js";
import { pipeline, reviews } from "./pipeline.js";
import { TestServer, tokenFor, until } from "./server.js";

const { approve } = reviews({ runId: "run_42" });
const channel = pipeline({ runId: "run_42" });
const token = tokenFor(channel.name, ["status", "tokens", "total"]);
let server: TestServer;
let subscriptions: SubscriptionHandle[];

beforeEach(async () => {
  server = await TestServer.start();
  subscriptions = [];
});
afterEach(async () => {
  vi.restoreAllMocks();
  subscriptions.forEach((subscription) => subscription.close());
  await server.stop();
});

async function open(given: TokenInput, transport: "websocket" | "sse" = "websocket"): Promise<SubscriptionHandle> {
  const waits = { reconnectMinMs: 5, reconnectMaxMs: 20 };
  const subscription = await subscribe({ channel, token: given, apiBaseUrl: server.url, WebSocket, transport, ...waits });
  subscriptions.push(subscription);
  return subscription;
}

it.each(["websocket", "sse"] as const)("a page subscribes with its session over %s, without a token", async (transport) => {
  await open("session", transport);
  server.send({ kind: "expiring", in: 15_000 });
  await until(() => server.renewals.length === 1 || server.tokens.length === 2);
  expect(new Set([...server.tokens, ...server.renewals])).toEqual(new Set([undefined]));
});

it("a token factory can select the session", async () => {
  await open(() => "session");
  expect(server.tokens).toEqual([undefined]);
});

it("a session that is refused ends the subscription", async () => {
  server.refusals = Infinity;
  await expect(open("session")).rejects.toMatchObject({ code: "unauthorized", fatal: true });
  expect(server.handshakes).toBe(1);
});

it("a session is tried once more on a new connection, as an open one may not know it", async () => {
  const first = await open(token);
  server.refusals = 1;
  await open("session");
  expect([server.handshakes, server.tokens]).toEqual([2, [token, undefined, token, undefined]]);
  expect(first.connectionStatus).toBe("open");
  server.refusals = Infinity;
  await expect(open("session")).rejects.toMatchObject({ code: "unauthorized", fatal: true });
});

it("cookies are sent to another origin only if the session is used", async () => {
  const fetched = vi.spyOn(globalThis, "fetch");
  const credentials = () => fetched.mock.calls.map(([, init]) => init?.credentials);
  await open(token, "sse");
  expect(credentials()).toEqual(["same-origin"]);
  await open("session", "sse");
  expect(credentials().at(-1)).toBe("include");
  await send(approve, { verdict: "approve" }, { token: "session", apiBaseUrl: server.url });
  expect(credentials().at(-1)).toBe("include");
  expect(server.signals[0]?.headers.authorization).toBeUndefined();
  await send(approve, { verdict: "approve" }, { token, apiBaseUrl: server.url });
  expect(credentials().at(-1)).toBe("same-origin");
});

it("the token is in no URL, subprotocol, log or error", async () => {
  const written: unknown[] = [];
  for (const method of ["debug", "info", "log", "warn", "error"] as const) {
    vi.spyOn(console, method).mockImplementation((...parts) => void written.push(...parts));
  }
  const fetched = vi.spyOn(globalThis, "fetch");
  class Recording extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      written.push(url, ...protocols);
    }
  }
  const onError = (error: Error) => void written.push(error.message, String(error.cause));
  const options = { channel, apiBaseUrl: server.url, WebSocket: Recording, reconnectMinMs: 5, reconnectMaxMs: 20, onError };
  for (const transport of ["websocket", "sse"] as const) {
    server.refusals = 1;
    const subscription = await subscribe({ ...options, transport, token: () => token });
    subscriptions.push(subscription);
    server.refusedRenewals = 1;
    server.send({ kind: "expiring", in: 15_000 });
    server.cut();
    await until(() => server.subscriptions > 0 && subscription.connectionStatus === "open");
    server.refusals = Infinity;
    await subscribe({ ...options, transport, token }).catch(onError);
    server.refusals = 0;
  }
  server.signalAnswers = [[401]];
  await send(approve, { verdict: "approve" }, { token, apiBaseUrl: server.url }).catch(onError);
  written.push(...fetched.mock.calls.map(([url]) => String(url)), ...server.signals.map(({ url }) => url));
  expect(written.length).toBeGreaterThan(6);
  expect(written.filter((text) => String(text).includes(token.slice(-20)))).toEqual([]);
});
