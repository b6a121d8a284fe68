import { afterEach, expect, it } from "vitest";
import { WebSocket } from "ws";
import { subscribe } from "../src/index.js";
import type { SubscriptionHandle } from "../src/index.js";
import { pipeline } from "./pipeline.js";
import { TestServer, tokenFor, until } from "./server.js";
import { setTiming } from "./support.js";

const channel = pipeline({ runId: "run_42" });
const STEPS = 120;
let server: TestServer;

afterEach(() => server.stop());

interface Subscriber {
  readonly subscription: SubscriptionHandle;
  readonly seen: string[];
}

/** Returns a generator of pseudorandom numbers. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** `FANFARE_SEED` repeats a seed that has failed. */
const given = process.env["FANFARE_SEED"];
const seeds = given === undefined ? [1, 2, 3, Math.floor(Math.random() * 1e9)] : [Number(given)];

it.each(seeds)("seed %i: each subscription receives every message once and in order, despite faults", async (seed) => {
  setTiming({ webSocketRetryMin: 40, idleTimeout: 20, reconnectSpread: 40 });
  server = await TestServer.start();
  const pick = random(seed);
  const subscribers: Subscriber[] = [];
  let published = 0;
  let calls = 0;
  const add = async () => {
    const seen: string[] = [];
    const subscription = await subscribe({
      channel,
      token: () => tokenFor(channel.name, ["tokens"], 60 + (calls += 1)),
      apiBaseUrl: server.url,
      WebSocket,
      reconnectMinMs: 1,
      reconnectMaxMs: 10,
      bufferLimit: pick(2) === 0 ? 40 : 10_000,
      since: "start",
      onError: () => {},
      onMessage: ({ data }) => void seen.push(String(data)),
      onRun: ({ attempt }) => void seen.push(String(attempt)),
    });
    subscribers.push({ subscription, seen });
  };
  const faults: readonly (() => unknown)[] = [
    () => server.cut(),
    () => server.close(1011),
    () => server.close(4408),
    () => server.send({ kind: "closing" }),
    () => server.send({ kind: "expiring", in: 15_000 }),
    () => server.unsubscribe("expired"),
    () => server.unsubscribe("revoked"),
    () => (server.refusals = pick(3)),
    () => (server.refusedRenewals = pick(3)),
    () => (server.refusedHandshakes = pick(5)),
    () => (server.refusesStreams = !server.refusesStreams),
    () => subscribers.splice(pick(subscribers.length || 1), 1).forEach(({ subscription }) => subscription.close()),
  ];
  await add();
  for (let step = 0; step < STEPS; step += 1) {
    for (let count = pick(8); count > 0; count -= 1) {
      published += 1;
      if (pick(4) === 0) {
        server.run({ status: "running", attempt: published });
      } else {
        server.publish("tokens", String(published));
      }
    }
    const happening = faults[pick(2 * faults.length)];
    happening?.();
    if (subscribers.length < 3 && pick(4) === 0) {
      void add();
    }
    if (pick(3) === 0) {
      await new Promise((resolve) => setTimeout(resolve, pick(12)));
    }
  }
  Object.assign(server, { refusals: 0, refusedRenewals: 0, refusedHandshakes: 0, refusesStreams: false });
  await add();
  const expected = Array.from({ length: published }, (_, index) => String(index + 1));
  await until(() => subscribers.every(({ seen }) => seen.length >= published));
  for (const { seen, subscription } of subscribers) {
    expect(seen).toEqual(expected);
    expect(subscription.gap).toBeNull();
  }
  // In the end all share one connection.
  await until(() => server.connections === 1);
  subscribers.forEach(({ subscription }) => subscription.close());
});
