// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { subscribe } from "../src/index.js";
import type { SubscriptionHandle } from "../src/index.js";
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
  vi.restoreAllMocks();
  await server.stop();
});

async function open(options: { min?: number; transport?: "sse"; token?: () => Promise<string> } = {}): Promise<void> {
  subscription = await subscribe({
    channel,
    token: options.token ?? token,
    apiBaseUrl: server.url,
    WebSocket,
    transport: options.transport ?? "websocket",
    reconnectMinMs: options.min ?? 60_000,
    reconnectMaxMs: options.min ?? 60_000,
    onMessage: ({ data }) => void seen.push(data),
    onError: (error) => void errors.push(error),
  });
}

const changes: readonly (readonly [string, () => void])[] = [
  ["the network goes", () => window.dispatchEvent(new Event("offline"))],
  ["the network returns", () => window.dispatchEvent(new Event("online"))],
  ["the page is shown again", () => document.dispatchEvent(new Event("visibilitychange"))],
  ["the page comes out of the cache", () => window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }))],
  ["the page is thawed", () => document.dispatchEvent(new Event("resume"))],
];

describe("a dead connection is detected long before a heartbeat is late", () => {
  it.each(changes)("when %s", async (_, happen) => {
    setTiming({ probeTimeout: 100 });
    await open({ min: 200 });
    server.isDeaf = true;
    happen();
    await until(() => subscription.connectionStatus !== "open");
    server.isDeaf = false;
    server.publish("tokens", "a");
    await until(() => seen.length === 1);
  });

  it("even if a frame was still in flight", async () => {
    setTiming({ probeTimeout: 200 });
    await open({ min: 200 });
    server.isDeaf = true;
    window.dispatchEvent(new Event("online"));
    server.publish("tokens", "a");
    await until(() => seen.length === 1);
    await until(() => subscription.connectionStatus !== "open");
    server.isDeaf = false;
    await until(() => subscription.connectionStatus === "open");
  });

  it("when the machine wakes from sleep", async () => {
    setTiming({ probeTimeout: 100, sleepCheckInterval: 20 });
    await open({ min: 200 });
    server.isDeaf = true;
    const now = Date.now();
    vi.spyOn(Date, "now").mockImplementation(() => now + 3_600_000);
    await until(() => subscription.connectionStatus !== "open");
    server.isDeaf = false;
    await until(() => subscription.connectionStatus === "open");
  });
});

it("none of these restarts a live connection", async () => {
  await open();
  changes.forEach(([, happen]) => happen());
  await until(() => server.probes >= changes.length);
  server.publish("tokens", "a");
  await until(() => seen.length === 1);
  expect([server.handshakes, subscription.connectionStatus]).toEqual([1, "open"]);
});

it.each(changes.slice(1))("a lost connection is made at once, without waiting, when %s", async (_, happen) => {
  await open();
  server.cut();
  await until(() => subscription.connectionStatus === "connecting");
  server.publish("tokens", "a");
  happen();
  await until(() => seen.length === 1);
});

it("a token that could not be fetched is fetched at once when the network returns", async () => {
  let isOnline = true;
  await open({ token: async () => (isOnline ? token : Promise.reject(new Error("offline"))) });
  isOnline = false;
  server.unsubscribe("expired");
  await until(() => errors.length === 1);
  expect(subscription.connectionStatus).toBe("connecting");
  isOnline = true;
  window.dispatchEvent(new Event("online"));
  await until(() => subscription.connectionStatus === "open");
});

it("a frozen page disconnects, and reconnects when it is resumed", async () => {
  await open();
  document.dispatchEvent(new Event("freeze"));
  await until(() => server.connections === 0);
  server.publish("tokens", "a");
  document.dispatchEvent(new Event("resume"));
  await until(() => seen.length === 1);
});

it("an event stream is probed by opening another one", async () => {
  await open({ transport: "sse" });
  window.dispatchEvent(new Event("online"));
  await until(() => server.streams === 2 && server.subscriptions === 1);
  server.publish("tokens", "a");
  await until(() => seen.length === 1);
  expect(subscription.connectionStatus).toBe("open");
});
