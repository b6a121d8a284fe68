import { defineChannel, type Drift, InvalidMessageError, subscribe } from "fanfare";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pipeline } from "../../generated/typescript/pipeline.js";
import { system } from "../../generated/typescript/system.js";
import { listen, quick } from "./support/listen.js";
import { connect } from "./support/raw.js";
import { Relay } from "./support/relay.js";
import { Server } from "./support/server.js";
import { range, until } from "./support/wait.js";

let server: Server;

beforeAll(async () => {
  server = await Server.start();
});

afterAll(() => server.stop());

const status = { message: "Writing", step: "write", progress: 50 } as const;
const insight = { kind: "choice", sentence: 3, score: 0.25 } as const;
const summary = {
  title: null,
  summary: "Trains carry freight.",
  statistics: { sentences: 2, words: 9, chosen: 1, startedAt: "2026-11-22T03:31:00.5+02:00", milliseconds: 7 },
} as const;

test("messages of all topics arrive typed, validated and in order", async () => {
  const listener = await listen("run_typed", { token: await server.token("run_typed"), apiBaseUrl: server.url });
  const channel = "pipeline:run_typed";
  const before = Date.now();
  await server.publish("status", status, { channel, runId: "attempt/1" });
  await server.publish("insights", insight, { channel });
  await server.tokens("run_typed", { count: 3 });
  await server.publish("summary", summary, { channel });
  await until("all have come", () => listener.messages.length === 6);

  expect(listener.messages.map(({ topic, data }) => [topic, data])).toEqual([
    ["status", status],
    ["insights", insight],
    ...range(0, 3).map((index) => ["tokens", { index, text: "x" }]),
    ["summary", summary],
  ]);
  const [first, second] = listener.messages;
  expect(first).toMatchObject({ kind: "data", channel, runId: "attempt/1" });
  expect(second).not.toHaveProperty("runId");
  expect(first?.createdAt.getTime()).toBeGreaterThanOrEqual(before - 1);
  expect(first?.createdAt.getTime()).toBeLessThanOrEqual(Date.now());
  const ids = listener.messages.map(({ id }) => id);
  expect(ids).toEqual([...new Set(ids)].sort());
  listener.close();
});

test("payloads contain only properties in the definition, with open enum values and any text unchanged", async () => {
  const messages = await subscribe({
    ...quick,
    channel: system,
    token: await tokenFor("system", "notice"),
    apiBaseUrl: server.url,
  });
  const notice = { level: "catastrophe", text: "a\u0000b 𝒳 \u2028", later: { unknown: true } };
  await server.publish("notice", notice, { channel: "system" });
  const { value } = await messages.next();
  expect(value?.data).toEqual({ level: "catastrophe", text: "a\u0000b 𝒳 \u2028" });
  messages.close();
});

test("messages published right after subscribe() resolves arrive, 500 times", async () => {
  const once = async (n: number) => {
    const run = `run_right${n}`;
    const listener = await listen(run, { token: await server.token(run), apiBaseUrl: server.url });
    // A late subscriber would receive only the last of these.
    const messages = ["first", "second", "third"];
    await Promise.all(messages.map((message) => server.status(run, message)));
    await until(`run ${n} has its messages`, () => listener.messages.length >= 3);
    const seen = listener.messages.map((message) => message.topic === "status" && message.data.message);
    expect(seen.sort()).toEqual(messages);
    listener.close();
  };
  for (const batch of range(0, 25)) {
    await Promise.all(range(batch * 20, batch * 20 + 20).map(once));
  }
});

test("a client without the library is subscribed as soon as it receives the status 101", async () => {
  const once = async (n: number) => {
    const run = `run_bare${n}`;
    const published: Promise<unknown>[] = [];
    const token = await server.token(run);
    const connected = await connect(server.url, {
      query: { token },
      onOpen: () => published.push(server.status(run, "first"), server.status(run, "second")),
    });
    await Promise.all(published);
    await until("both have come", () => connected.frames.length === 2);
    // Without a subprotocol, a client receives one message per frame and no other frames.
    expect(connected.frames.map((frame) => (JSON.parse(frame) as { kind: string }).kind)).toEqual(["data", "data"]);
    connected.close();
  };
  for (const batch of range(0, 5)) {
    await Promise.all(range(batch * 20, batch * 20 + 20).map(once));
  }
});

test("a new subscriber receives retained messages in order, and then new ones", async () => {
  const run = "run_retained";
  await server.status(run, "first");
  await server.tokens(run, { count: 2 });
  await server.status(run, "second");
  await server.tokens(run, { from: 2, count: 1 });
  const listener = await listen(run, { token: await server.token(run), apiBaseUrl: server.url });
  await server.tokens(run, { from: 3, count: 1 });
  await until("the new one has come", () => listener.indexes.includes(3));
  const seen = listener.messages.map((message) =>
    message.topic === "tokens" ? message.data.index : message.topic === "status" && message.data.message,
  );
  expect(seen).toEqual([0, 1, "second", 2, 3]);
  listener.close();

  const only = await listen(run, { topics: ["status"], token: await server.token(run), apiBaseUrl: server.url });
  await until("the status has come", () => only.messages.length === 1);
  expect(only.messages[0]?.data).toMatchObject({ message: "second" });
  only.close();
});

test.each(["websocket", "sse"] as const)("a subscriber is notified once it has caught up, over %s", async (transport) => {
  const run = `run_caughtup${transport}`;
  const listenFrom = async (since: "now" | "start") => {
    const order: unknown[] = [];
    const listener = await listen(run, {
      transport,
      since,
      token: await server.token(run),
      apiBaseUrl: server.url,
      onMessage: ({ data }) => void order.push(typeof data === "object" && "message" in data ? data.message : data),
      onCaughtUp: () => order.push("caught up"),
    });
    await until("it has caught up", () => order.includes("caught up"));
    return { listener, order };
  };
  const first = await listenFrom("now");
  await server.status(run, "first");
  await server.status(run, "second");
  await until("both have come", () => first.order.length === 3);
  expect(first.order).toEqual(["caught up", "first", "second"]);
  first.listener.close();
  for (const [since, messages] of [["now", ["second"]], ["start", ["first", "second"]]] as const) {
    const later = await listenFrom(since);
    expect(later.order).toEqual([...messages, "caught up"]);
    later.listener.close();
  }
});

test("a message that violates the page's definition is passed to onInvalid with its issues, in order", async () => {
  const run = "run_altered";
  const relay = await Relay.start(server.url, (text) => text.replaceAll('"index":1,', '"index":-1,'));
  const invalid: InvalidMessageError[] = [];
  const listener = await listen(run, {
    token: await server.token(run),
    apiBaseUrl: relay.url,
    onInvalid: (error) => {
      invalid.push(error);
      listener.log.push("invalid");
    },
  });
  await server.tokens(run, { count: 3 });
  await until("the last has come", () => listener.indexes.includes(2));
  expect(listener.indexes).toEqual([0, 2]);
  expect(listener.log.indexOf("invalid")).toBe(1);
  expect(invalid).toHaveLength(1);
  expect(invalid[0]).toMatchObject({ channel: `pipeline:${run}`, topic: "tokens", data: { index: -1, text: "x" } });
  expect(invalid[0]?.issues.map((issue) => issue.path)).toEqual([["index"]]);
  listener.close();
  relay.stop();
});

test("without onInvalid and onError, an invalid message ends the loop with the error", async () => {
  const run = "run_alteredloop";
  const relay = await Relay.start(server.url, (text) => text.replaceAll('"progress":7', '"progress":101'));
  const messages = await subscribe({
    ...quick,
    channel: pipeline({ runId: run }),
    topics: ["status"],
    token: await server.token(run),
    apiBaseUrl: relay.url,
  });
  await server.status(run, "fine", 6);
  await server.status(run, "altered", 7);
  expect((await messages.next()).value?.data.progress).toBe(6);
  await expect(messages.next()).rejects.toThrow(InvalidMessageError);
  relay.stop();
});

test.each(["websocket", "sse"] as const)("onDrift reports that the server does not know the page's definition: %s", async (transport) => {
  const drifts: Drift[] = [];
  const onDrift = (drift: Drift) => drifts.push(drift);
  const options = { ...quick, transport, token: await server.token("run_drift"), apiBaseUrl: server.url, onDrift };
  const same = await listen("run_drift", options);
  expect(drifts).toEqual([]);
  const address = "pipeline:run_drift";
  const changed = defineChannel({ name: "pipeline", address, fingerprint: "0123456789abcdef", topics: {} });
  const other = await subscribe({ ...options, channel: changed });
  expect(drifts).toEqual([
    {
      channel: address,
      kind: "unknown",
      outdated: "unknown",
      changes: [],
      expected: "0123456789abcdef",
      received: pipeline({ runId: "run_drift" }).$fingerprint,
    },
  ]);
  same.close();
  other.close();
});

async function tokenFor(channel: string, name: string): Promise<string> {
  const response = await server.mint([{ channel, name, kind: "run" }]);
  return ((await response.json()) as { jwt: string }).jwt;
}
