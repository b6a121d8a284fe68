import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { defineChannel, subscribe } from "../src/index.js";
import type { SubscriptionHandle } from "../src/index.js";
import { reportUncaught } from "../src/util/isolate.js";
import type { StandardResult } from "../src/validate/standard-schema.js";
import { RealtimeStore } from "../src/subscription/store.js";
import { pipeline } from "./pipeline.js";
import { TestServer, tokenFor, until } from "./server.js";

const channel = pipeline({ runId: "run_42" });
const token = tokenFor(channel.name, ["status", "tokens", "total"]);
let server: TestServer;
let open: SubscriptionHandle[];
/** The errors that `reportError` received. */
let reported: unknown[];

beforeEach(async () => {
  server = await TestServer.start();
  open = [];
  reported = [];
  vi.stubGlobal("reportError", (error: unknown) => void reported.push(error));
});
afterEach(async () => {
  open.forEach((subscription) => subscription.close());
  vi.unstubAllGlobals();
  vi.useRealTimers();
  await server.stop();
});

function basics() {
  return { channel, token: () => token, apiBaseUrl: server.url, WebSocket, reconnectMinMs: 5, reconnectMaxMs: 20 };
}

async function collect(options: Partial<Parameters<typeof subscribe>[0]> = {}) {
  const seen: unknown[] = [];
  const subscription = await subscribe({
    ...basics(),
    ...options,
    onMessage: ({ data }: { data: unknown }) => void seen.push(data),
  });
  open.push(subscription);
  return { subscription, seen };
}

const failure = new Error("a bug in the page");
function fail(): never {
  throw failure;
}

describe("a callback that throws is reported, and", () => {
  it("onError stops neither the retry nor the other subscriptions", async () => {
    server.refusals = 2;
    const first = await collect({ onError: fail });
    const second = await collect({ onError: () => {} });
    server.send({ kind: "error", code: "bad_frame", message: "of no subscription" });
    server.publish("tokens", "a");
    await until(() => first.seen.length + second.seen.length === 2);
    expect(reported).toEqual([failure, failure, failure]);
  });

  it("onRun, onGap and onInvalid stop neither later messages nor the iteration", async () => {
    const { seen, subscription } = await collect({ onRun: fail, onGap: fail, onInvalid: fail });
    server.run({ status: "running", attempt: 1 });
    server.publish("status", { message: 7 });
    await until(() => reported.length === 2);
    server.cut();
    server.publish("tokens", "a");
    server.forget();
    server.publish("tokens", "b");
    await until(() => seen.length === 1);
    expect([seen, reported]).toEqual([["b"], [failure, failure, failure]]);
    expect(subscription.connectionStatus).toBe("open");
  });

  it("onDrift does not keep the subscription from being confirmed", async () => {
    server.fingerprint = "another";
    const { seen } = await collect({ onDrift: fail });
    server.publish("tokens", "a");
    await until(() => seen.length === 1);
    expect(reported).toEqual([failure]);
  });

  it("onMessage, with an onError that throws, too, does not stop the next message", async () => {
    const seen: unknown[] = [];
    open.push(
      await subscribe({
        ...basics(),
        onError: fail,
        onMessage: ({ data }) => {
          seen.push(data);
          throw new Error("for onError");
        },
      }),
    );
    server.publish("tokens", "a", "b");
    await until(() => seen.length === 2);
    expect(reported).toEqual([failure, failure]);
  });

  it("a store's listener does not keep other listeners from being called", async () => {
    const store = new RealtimeStore(basics());
    let calls = 0;
    store.subscribe(fail);
    store.subscribe(() => void (calls += 1));
    store.start();
    await until(() => store.getSnapshot().connectionStatus === "open");
    expect(calls).toBe(reported.length);
    store.stop();
  });
});

it.each([
  ["returns issues that are not a list", () => ({ issues: "no" })],
  ["returns issues of another shape", () => ({ issues: [null] })],
  ["gives a result with a getter that throws", () => Object.defineProperty({}, "issues", { get: fail })],
  ["throws", fail],
  ["rejects", () => Promise.reject(failure)],
])("a validator that %s refuses the message and delays no later one", async (_, validate) => {
  const payload = {
    "~standard": {
      version: 1 as const,
      vendor: "a user",
      validate: (value: unknown) => (value === "good" ? { value } : validate()) as StandardResult<string>,
    },
  };
  const odd = defineChannel({ name: "pipeline", address: channel.name, fingerprint: "9f2c", topics: { tokens: { payload } } });
  const invalid: unknown[] = [];
  const { seen } = await collect({ channel: odd, onInvalid: (error) => void invalid.push(error) });
  server.publish("tokens", "bad", "good");
  await until(() => seen.length === 1);
  expect(invalid).toMatchObject([{ name: "InvalidMessageError", data: "bad" }]);
  expect(reported).toEqual([]);
});

it("without reportError, an error is thrown in a separate task", () => {
  vi.stubGlobal("reportError", undefined);
  vi.useFakeTimers();
  reportUncaught(failure);
  expect(() => vi.runAllTimers()).toThrow(failure);
});
