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

const happenings: readonly (readonly [string, () => void])[] = [
  ["the network goes", () => window.dispatchEvent(new Event("offline"))],
  ["the network comes back", () => window.dispatchEvent(new Event("online"))],
  ["the page is shown again", () => document.dispatchEvent(new Event("visibilitychange"))],
  ["the page comes out of the cache", () => window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }))],
  ["the page is thawed", () => document.dispatchEvent(new Event("resume"))],
];

describe("a dead connection is noticed soon, long before the server would be missed,", () => {
  it.each(happenings)("when %s", async (_, happen) => {
    setTiming({ probe: 100 });
    await open({ min: 200 });
    server.isDeaf = true;
    happen();
    await until(() => subscription.connectionStatus !== "open");
    server.isDeaf = false;
    server.publish("tokens", "a");
    await until(() => seen.length === 1);
  });

  it("also where something was still on its way to it", async () => {
    setTiming({ probe: 200 });
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
    setTiming({ probe: 100, tick: 20 });
    await open({ min: 200 });
    server.isDeaf = true;
    const now = Date.now();
    vi.spyOn(Date, "now").mockImplementation(() => now + 3_600_000);
    await until(() => subscription.connectionStatus !== "open");
    server.isDeaf = false;
    await until(() => subscription.connectionStatus === "open");
  });
});

it("a connection that lives is not made anew by any of this", async () => {
  await open();
  happenings.forEach(([, happen]) => happen());
  await until(() => server.probes >= happenings.length);
  server.publish("tokens", "a");
  await until(() => seen.length === 1);
  expect([server.handshakes, subscription.connectionStatus]).toEqual([1, "open"]);
});

it.each(happenings.slice(1))("a lost connection is made at once, without waiting, when %s", async (_, happen) => {
  await open();
  server.cut();
  await until(() => subscription.connectionStatus === "connecting");
  server.publish("tokens", "a");
  happen();
  await until(() => seen.length === 1);
});

it("a token that could not be fetched is asked for at once when the network comes back", async () => {
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

it("a page that is frozen leaves, and is back when it is thawed", async () => {
  await open();
  document.dispatchEvent(new Event("freeze"));
  await until(() => server.connections === 0);
  server.publish("tokens", "a");
  document.dispatchEvent(new Event("resume"));
  await until(() => seen.length === 1);
});

it("over events, where nobody can be asked, another stream is opened", async () => {
  await open({ transport: "sse" });
  window.dispatchEvent(new Event("online"));
  await until(() => server.streams === 2 && server.subscriptions === 1);
  server.publish("tokens", "a");
  await until(() => seen.length === 1);
  expect(subscription.connectionStatus).toBe("open");
});
