import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import * as z from "zod";
import { pipeline as generated } from "../../../generated/typescript/pipeline.js";
import * as f from "../src/validate/plain/index.js";
import { defineChannel, RealtimeStore, send, SignalError, subscribe } from "../src/index.js";
import { createTestHub, exampleOf, InvalidPayloadError } from "../src/testing.js";
import type { TestHub } from "../src/testing.js";
import { pipeline, reviews } from "./pipeline.js";
import { until } from "./server.js";

const story = defineChannel({
  name: "story",
  address: "story",
  fingerprint: "5a7e",
  topics: { draft: { stream: "text", retain: "last" }, note: { payload: z.object({ text: z.string().min(1) }), retain: "last" } },
});
const channel = pipeline({ runId: "run_42" });
const review = reviews({ runId: "run_42" });

let hub: TestHub;

beforeEach(() => {
  hub = createTestHub();
});
afterEach(() => hub.close());

function open<Channel extends Parameters<TestHub["channel"]>[0]>(channel: Channel): RealtimeStore<Channel> {
  const store = new RealtimeStore<Channel>({ ...hub.options, channel });
  store.start();
  return store;
}

describe("messages", () => {
  it("are delivered in order, typed, and validated by the client", async () => {
    const store = open(channel);
    await hub.subscribed(channel);
    hub.channel(channel).status({ message: "one" });
    hub.channel(channel).total("12345678901234567890");
    await until(() => store.getSnapshot().messages.all.length === 2);
    expect(store.getSnapshot().messages.byTopic.status?.data.message).toBe("one");
    expect(store.getSnapshot().messages.byTopic.total?.data).toBe(12345678901234567890n);
    expect(hub.subscriptions).toEqual([{ channel: channel.name, topics: undefined, token: hub.options.token }]);
    store.stop();
    await until(() => hub.subscriptions.length === 0);
  });

  it("are shown before the snapshot says that it has caught up", async () => {
    hub.channel(channel).status({ message: "retained" });
    const store = open(channel);
    expect(store.getSnapshot().isCaughtUp).toBe(false);
    const seen: number[] = [];
    store.subscribe(() => store.getSnapshot().isCaughtUp && seen.push(store.getSnapshot().messages.all.length));
    await until(() => store.getSnapshot().isCaughtUp);
    expect(seen[0]).toBe(1);
    store.reset();
    expect(store.getSnapshot()).toMatchObject({ isCaughtUp: true, messages: { all: [] } });
    store.stop();
  });

  it("that are invalid throw, with the issues and the topic", () => {
    const publish = () => hub.channel(generated({ runId: "run_1" })).status({ message: "", step: "split", progress: 101 });
    expect(publish).toThrow(InvalidPayloadError);
    expect(publish).toThrow(/topic "status" of the channel "pipeline:run_1" is invalid.*\/progress/);
    // @ts-expect-error: an unknown topic
    expect(hub.channel(channel).nope).toBeUndefined();
    // @ts-expect-error: a payload of another type
    expect(() => hub.channel(channel).status({ message: 1 })).toThrow(InvalidPayloadError);
  });

  it("of topics are only received by subscribers of these topics", async () => {
    const messages: string[] = [];
    const subscription = await subscribe({ ...hub.options, channel, topics: ["tokens"], onMessage: ({ data }) => void messages.push(data) });
    hub.channel(channel).status({ message: "one" });
    hub.channel(channel).tokens("a");
    await until(() => messages.length > 0);
    expect(messages).toEqual(["a"]);
    subscription.close();
  });

  it("that were published before are received as the topics retain them, and all from the start", async () => {
    hub.channel(story).note({ text: "one" });
    hub.channel(story).draft("lost").end();
    hub.channel(story).note({ text: "two" });
    hub.channel(story).draft("Once ").write("upon");
    const now = open(story);
    await until(() => now.getSnapshot().messages.all.length === 2);
    expect(now.getSnapshot().messages.all.map(({ data }) => data)).toEqual([{ text: "two" }, "Once upon"]);
    hub.channel(story).note({ text: "three" });
    await until(() => now.getSnapshot().messages.all.length === 3);
    const all = new RealtimeStore({ ...hub.options, channel: story, since: "start" });
    all.start();
    await until(() => all.getSnapshot().messages.all.length === 5);
    now.stop();
    all.stop();
  });

  it("of a channel by name only need no definition", async () => {
    const store = open("any:name");
    await hub.subscribed("any:name");
    hub.channel("any:name")["whatever"]?.({ a: 1 });
    await until(() => store.getSnapshot().messages.last !== null);
    expect(store.getSnapshot().messages.last).toMatchObject({ topic: "whatever", data: { a: 1 } });
    store.stop();
  });
});

it("text streams grow, end, fail and stop", async () => {
  const store = open(story);
  await hub.subscribed(story);
  const draft = () => store.getSnapshot().messages.byTopic.draft;
  const first = hub.channel(story).draft("Once ");
  await until(() => draft()?.data === "Once ");
  expect(draft()?.status).toBe("streaming");
  first.write("upon").end();
  await until(() => draft()?.status === "complete");
  expect(draft()?.data).toBe("Once upon");
  hub.channel(story).draft("x").fail("no model");
  await until(() => draft()?.status === "failed");
  hub.channel(story).draft("x").stop();
  await until(() => draft()?.status === "stopped");
  store.stop();
});

describe("runs", () => {
  it("progress as the test decides, and results are validated", async () => {
    const store = open(review);
    await hub.subscribed(review);
    const run = hub.run(review).start();
    await until(() => store.getSnapshot().attempt === 1);
    run.retry("no network");
    await until(() => store.getSnapshot().attempt === 2);
    expect(store.getSnapshot().runError).toEqual({ message: "no network" });
    run.halt("the code has changed");
    await until(() => store.getSnapshot().haltReason !== null);
    // @ts-expect-error: a result of another type
    expect(() => run.complete({ words: 1200 })).toThrow(InvalidPayloadError);
    run.complete({ words: "1200" });
    await until(() => store.getSnapshot().runStatus === "completed");
    expect(store.getSnapshot().result).toEqual({ words: 1200n });
    expect(() => run.fail("late")).toThrow(/has ended/);
    store.stop();
  });

  it("fail and are cancelled, and a new subscriber receives the last event", async () => {
    hub.run(review).start().fail(new Error("no model"));
    const store = open(review);
    await until(() => store.getSnapshot().runStatus === "failed");
    expect(store.getSnapshot().runError).toEqual({ message: "no model" });
    store.stop();
    hub.run(review).start().cancel();
    const other = open(review);
    await until(() => other.getSnapshot().runStatus === "cancelled");
    other.stop();
  });

  it("wait for signals, which answer their questions", async () => {
    const store = open(review);
    await hub.subscribed(review);
    const run = hub.run(review).start();
    const answered = run.waitFor(review.approve, review.budget);
    await until(() => store.getSnapshot().waitingFor.length === 2);
    const questionId = store.getSnapshot().questionIds.approve;
    const receipt = await store.send(review.approve, { verdict: "edit", text: "new" }, { questionId });
    expect(receipt).toMatchObject({ runId: run.id, status: "accepted" });
    expect((await answered).payload).toEqual({ verdict: "edit", text: "new" });
    const { payload } = await hub.nextSignal(review.approve);
    const verdict: "approve" | "edit" | "reject" = payload.verdict;
    expect(verdict).toBe("edit");
    await until(() => store.getSnapshot().waitingFor.length === 0);
    const again = store.send(review.approve, { verdict: "approve" }, { questionId });
    await expect(again).rejects.toMatchObject({ code: "already_taken", takenSignal: "approve", takenPayload: { verdict: "edit" } });
    expect(hub.signals.map(({ status }) => status)).toEqual(["accepted", "already_taken"]);
    store.stop();
  });

  it("keep signals for later questions", async () => {
    const run = hub.run(review).start();
    const early = await send(review.approve, { verdict: "approve" }, hub.options);
    expect(early.status).toBe("kept");
    await expect(send(review.approve, { verdict: "reject" }, hub.options)).rejects.toMatchObject({ code: "already_taken" });
    expect((await run.waitFor(review.approve)).payload.verdict).toBe("approve");
    run.complete({ words: "1" });
    await expect(send(review.budget, "5", hub.options)).rejects.toMatchObject({ code: "run_ended" });
  });

  it("refuse signals as the test decides, or because there is no run", async () => {
    const failed = (promise: Promise<unknown>) => promise.then(() => undefined, (error: unknown) => error as SignalError);
    const none = await failed(send(review.approve, { verdict: "approve" }, hub.options));
    expect(none).toMatchObject({ code: "no_run", message: expect.stringContaining("hub.run(channel).start()") });
    hub.run(review).start();
    hub.refuseSignal(review.approve, "already_taken", { sender: "ana", payload: { verdict: "reject" } });
    const error = await failed(send(review.approve, { verdict: "approve" }, hub.options));
    expect(error).toBeInstanceOf(SignalError);
    expect(error).toMatchObject({ code: "already_taken", takenSender: "ana", takenPayload: { verdict: "reject" } });
    expect((await send(review.approve, { verdict: "approve" }, hub.options)).status).toBe("kept");
  });
});

describe("failures", () => {
  it("a lost connection is restored, and nothing is lost", async () => {
    const store = open(channel);
    await until(() => store.getSnapshot().connectionStatus === "open");
    hub.disconnect();
    await Promise.resolve();
    expect(store.getSnapshot().connectionStatus).toBe("connecting");
    hub.channel(channel).tokens("a");
    await until(() => store.getSnapshot().error !== null);
    expect(store.getSnapshot().error?.message).toMatch(/Could not connect/);
    hub.reconnect();
    await until(() => store.getSnapshot().messages.last?.data === "a");
    expect(store.getSnapshot()).toMatchObject({ connectionStatus: "open", error: null, gap: null });
    store.stop();
  });

  it("a gap leads to a new state, with \"now\" as its position", async () => {
    const states = ["first", "second"];
    const store = new RealtimeStore({ ...hub.options, channel, state: () => ({ position: "now", state: states.shift() }) });
    store.start();
    await until(() => store.getSnapshot().state === "first" && store.getSnapshot().connectionStatus === "open");
    hub.gap(channel);
    await until(() => store.getSnapshot().state === "second" && store.getSnapshot().connectionStatus === "open");
    hub.channel(channel).tokens("a");
    await until(() => store.getSnapshot().messages.last?.data === "a");
    expect(store.getSnapshot().gap).toBeNull();
    store.stop();
  });

  it.each([true, false])("a gap is reported, to a client that is connected: %s", async (isConnected) => {
    const store = open(channel);
    await until(() => store.getSnapshot().connectionStatus === "open");
    hub.channel(channel).tokens("a");
    if (!isConnected) {
      hub.disconnect();
    }
    hub.gap(channel);
    hub.channel(channel).tokens("b");
    hub.reconnect();
    await until(() => store.getSnapshot().messages.all.length === 2);
    const { gap, messages } = store.getSnapshot();
    expect(gap).toMatchObject({ channel: channel.name, after: messages.all[0]?.id, before: messages.all[1]?.id });
    store.stop();
  });

  it("a drift is reported to those who are connected, and those who connect later", async () => {
    const store = open(channel);
    await until(() => store.getSnapshot().connectionStatus === "open");
    hub.drift(channel, [{ topic: "status", message: "the topic was removed" }]);
    const later = open(channel);
    for (const { getSnapshot } of [store, later]) {
      await until(() => getSnapshot().drift !== null);
      expect(getSnapshot().drift).toMatchObject({ kind: "breaking", outdated: "page", changes: [{ topic: "status" }] });
    }
    store.stop();
    later.stop();
  });

  it("a token is refused, and expires", async () => {
    hub.refuse(channel, "not_granted");
    const refused = open(channel);
    await until(() => refused.getSnapshot().connectionStatus === "error");
    expect(refused.getSnapshot().error).toMatchObject({ code: "not_granted" });
    const tokens: string[] = [];
    const getToken = () => {
      tokens.push("");
      return hub.options.token;
    };
    const store = new RealtimeStore({ ...hub.options, channel, token: getToken });
    store.start();
    await until(() => store.getSnapshot().connectionStatus === "open");
    hub.endTokens(channel);
    await until(() => tokens.length === 2 && hub.subscriptions.length === 1);
    const fixed = open(channel);
    await until(() => fixed.getSnapshot().connectionStatus === "open");
    hub.endTokens(channel, "revoked");
    await until(() => fixed.getSnapshot().connectionStatus === "error");
    expect(fixed.getSnapshot().error).toMatchObject({ code: "revoked" });
    store.stop();
  });
});

it("works with fake timers, also if the time advances by hours", async () => {
  vi.useFakeTimers();
  try {
    const store = open(channel);
    await hub.subscribed(channel);
    vi.advanceTimersByTime(3_600_000);
    expect(store.getSnapshot().connectionStatus).toBe("open");
    hub.channel(channel).tokens("a");
    await vi.advanceTimersByTimeAsync(0);
    expect(store.getSnapshot().messages.last?.data).toBe("a");
    hub.disconnect();
    hub.reconnect();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(store.getSnapshot().connectionStatus).toBe("open");
    store.stop();
  } finally {
    vi.useRealTimers();
  }
});

it("serves Fanfare's routes of every server, leaves other requests alone, and gives the globals back", async () => {
  const { fetch } = globalThis;
  hub.close();
  const original = vi.fn(async () => new Response("mine"));
  vi.stubGlobal("fetch", original);
  hub = createTestHub();
  const store = new RealtimeStore({ channel, apiBaseUrl: "https://api.example.com/base", token: "session" });
  store.start();
  await until(() => store.getSnapshot().connectionStatus === "open");
  expect(await (await globalThis.fetch("https://example.com/token")).text()).toBe("mine");
  store.stop();
  hub.close();
  expect(globalThis.fetch).toBe(original);
  vi.unstubAllGlobals();
  expect(globalThis.fetch === fetch).toBe(false);
});

it("closes without an event, so that no component renders again after a test", async () => {
  const store = open(channel);
  await hub.subscribed(channel);
  let updates = 0;
  store.subscribe(() => (updates += 1));
  hub.close();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect([updates, hub.subscriptions]).toEqual([0, []]);
  store.stop();
});

describe("exampleOf", () => {
  const ch = generated({ runId: "run_1" });

  it("returns the smallest valid payload of every topic and signal of a generated channel", () => {
    expect(exampleOf(ch.status)).toEqual({ message: "a", step: "split", progress: 0 });
    expect(exampleOf(ch.status, { progress: 40 })).toEqual({ message: "a", step: "split", progress: 40 });
    expect(exampleOf(ch.insights)).toEqual({ kind: "keyword", word: "a", occurrences: 1 });
    expect(exampleOf(ch.summary)).toEqual({
      title: null,
      summary: "a",
      statistics: { sentences: 0, words: 0, chosen: 1, startedAt: "2000-01-01T00:00:00Z", milliseconds: 0 },
    });
    expect(exampleOf(ch.approve)).toEqual({ verdict: "approve" });
    expect(exampleOf(ch.$result)).toEqual({ title: null, summary: "" });
    hub.channel(ch).status(exampleOf(ch.status));
    // @ts-expect-error: a member of another type
    expect(() => exampleOf(ch.status, { progress: "40" })).toThrow(/Found no example/);
  });

  it.each([
    [f.string({ pattern: "^run_[a-z0-9]+$" }), "run_a"],
    [f.string({ pattern: "^[A-Z]{2}-\\d{3}(?:x|y)?$" }), "AA-000"],
    [f.string({ minLength: 3 }), "aaa"],
    [f.string({ minLength: 5, pattern: "^a+$" }), "aaaaa"],
    [f.number({ exclusiveMinimum: 0, maximum: 0.5 }), 0.25],
    [f.int({ minimum: 7, multipleOf: 5 }), 10],
    [f.int({ maximum: -3 }), -3],
    [f.array(f.boolean(), { minItems: 2 }), [false, false]],
    [f.tuple([f.int64(), f.null()]), ["0", null]],
    [f.record(f.int()), {}],
    [f.literal([1, { a: 2 }]), [1, { a: 2 }]],
    [f.xor([f.string({ minLength: 1 }), f.int()]), "a"],
    [f.checked(f.string(), { minLength: 8 }), "aaaaaaaa"],
    [z.object({ at: z.iso.datetime(), id: z.uuid(), tags: z.array(z.string().min(2)).min(1), note: z.string().optional() }),
      { at: "2000-01-01T00:00:00Z", id: "00000000-0000-4000-8000-000000000000", tags: ["aa"] }],
    [z.object({ a: z.string().length(4), b: z.number().gt(3).lt(4), c: z.int().positive().multipleOf(5), d: z.email(), e: z.string().regex(/^x+y$/u) }),
      { a: "aaaa", b: 3.5, c: 5, d: "a@example.com", e: "xy" }],
    [z.string().transform((text) => BigInt(`0${text}`)), ""],
  ] as const)("finds a value of %#", (schema, value) => {
    expect(exampleOf(schema as z.ZodType)).toEqual(value);
  });

  it("ends for schemas that contain themselves", () => {
    interface Tree { children: Tree[]; next: Tree | null }
    const tree: z.ZodType<Tree> = z.object({ children: z.array(z.lazy(() => tree)), next: z.nullable(z.lazy(() => tree)) });
    expect(exampleOf(tree)).toEqual({ children: [], next: null });
  });

  it("says what to do if it finds none", () => {
    expect(() => exampleOf(z.string().regex(/^(?!x)[^a]$/u))).toThrow(/pass these members as `changes`, or write the value yourself/);
    const foreign = { "~standard": { version: 1, vendor: "x", validate: () => ({ value: 1 }) } } as const;
    expect(() => exampleOf(foreign)).toThrow(/Examples need schemas of/);
  });
});
