import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { z } from "zod";
import { defineChannel, InvalidMessageError, RealtimeStore, subscribe } from "../src/index.js";
import type { RealtimeSettings } from "../src/index.js";
import type { RunUpdate } from "../src/index.js";
import { reviews } from "./pipeline.js";
import { TestServer, tokenFor, until } from "./server.js";

const channel = reviews({ runId: "run_42" });
const token = tokenFor(channel.name, ["tokens"], 60, ["approve"]);
const completed = { status: "completed", result: { words: "1200" } };
let server: TestServer;

beforeEach(async () => {
  // Subscriptions that a test leaves open warn that the server is gone.
  vi.spyOn(console, "warn").mockImplementation(() => {});
  server = await TestServer.start();
});
afterEach(() => server.stop());

function basics() {
  const speed = { reconnectMinMs: 5, reconnectMaxMs: 20 };
  return { channel, token, apiBaseUrl: server.url, WebSocket, ...speed } as const;
}

describe("onRun", () => {
  it("receives attempts, their errors, halts and the result, in order with the messages", async () => {
    const seen: unknown[] = [];
    const updates: RunUpdate<typeof channel>[] = [];
    await subscribe({
      ...basics(),
      onMessage: ({ data }) => void seen.push(data),
      onRun: (update) => {
        updates.push(update);
        seen.push(update.status);
      },
    });
    server.run({ status: "running", attempt: 1 });
    server.publish("tokens", "a");
    server.run({ status: "running", attempt: 2, error: { message: "no network" } });
    server.run({ status: "running", halted: "the run was begun with other code" });
    server.run({ status: "of_tomorrow" });
    server.publish("tokens", "b");
    server.run(completed);
    await until(() => updates.length === 5);
    expect(seen).toEqual(["running", "a", "running", "running", undefined, "b", "completed"]);
    expect(updates[0]).toEqual({
      channel: channel.name,
      id: expect.stringMatching(/1$/),
      createdAt: new Date("2026-11-22T03:31:00.000Z"),
      runId: "run_42",
      status: "running",
      attempt: 1,
      waitingFor: [],
      questionIds: {},
    });
    expect(updates[1]).toMatchObject({ attempt: 2, runError: { message: "no network" } });
    expect(updates[2]).toMatchObject({ status: "running", haltReason: "the run was begun with other code" });
    expect(updates[4]).toMatchObject({ result: { words: 1200n } });
  });

  it("receives the signals that the run waits for, and the question that asks for each", async () => {
    const waits: unknown[] = [];
    await subscribe({
      ...basics(),
      onMessage: () => {},
      onRun: ({ waitingFor, questionIds }) => void waits.push({ waitingFor, questionIds }),
    });
    const ids = { approve: "q1", budget: "q1" };
    const wait = { waitingFor: ["approve", "budget"], questions: ids };
    server.run({ status: "running", attempt: 1, ...wait });
    server.run({ status: "running", attempt: 1 });
    server.run({ status: "cancelled", ...wait });
    await until(() => waits.length === 3);
    const none = { waitingFor: [], questionIds: {} };
    expect(waits).toEqual([{ waitingFor: wait.waitingFor, questionIds: ids }, none, none]);
  });

  it("ignores malformed members of a wait", async () => {
    const waits: unknown[] = [];
    await subscribe({
      ...basics(),
      onMessage: () => {},
      onRun: ({ waitingFor, questionIds }) => void waits.push([waitingFor, questionIds]),
    });
    const malformed = [
      { waitingFor: "approve", questions: { approve: "q1" } },
      { waitingFor: ["approve", 7, null], questions: { approve: "q1", budget: "q2" } },
      { waitingFor: ["approve", "budget"], questions: { approve: 7, budget: "q2" } },
      { waitingFor: ["approve"], questions: null },
      { waitingFor: ["constructor"], questions: "q1" },
      { waitingFor: ["approve"] },
    ];
    for (const data of malformed) {
      server.run({ status: "running", attempt: 1, ...data });
    }
    await until(() => waits.length === malformed.length);
    expect(waits).toEqual([
      [[], {}],
      [["approve"], { approve: "q1" }],
      [["approve", "budget"], { budget: "q2" }],
      [["approve"], {}],
      [["constructor"], {}],
      [["approve"], {}],
    ]);
  });

  it("is called once per event across reconnects, and the position advances past it", async () => {
    const attempts: unknown[] = [];
    const subscription = await subscribe({
      ...basics(),
      onMessage: () => {},
      onRun: ({ attempt }) => void attempts.push(attempt),
    });
    server.run({ status: "running", attempt: 1 });
    await until(() => attempts.length === 1);
    const { position } = subscription;
    server.cut();
    server.run({ status: "running", attempt: 2 });
    await until(() => attempts.length === 2);
    expect(server.sinces.at(-1)).toBe(position);
    expect(subscription.position > position).toBe(true);
    const again = { kind: "run", channel: channel.name, id: position, created_at: "", data: { attempt: 1 } };
    server.send(again);
    server.run({ status: "running", attempt: 3 });
    await until(() => attempts.length === 3);
    expect(attempts).toEqual([1, 2, 3]);
  });

  it("receives the latest event on subscribing, and resumes after it", async () => {
    server.run({ status: "running", attempt: 1 });
    server.run({ status: "running", attempt: 2 });
    server.publish("tokens", "a");
    const seen: unknown[] = [];
    const onRun = ({ attempt }: RunUpdate) => void seen.push(attempt);
    await subscribe({ ...basics(), onMessage: ({ data }) => void seen.push(data), onRun });
    await until(() => seen.length === 1);
    server.cut();
    server.publish("tokens", "b");
    await until(() => seen.length === 2);
    expect(seen).toEqual([2, "b"]);
    expect(server.sinces.at(-1)).toMatch(/3~.*2$/);
  });
});

describe("a result", () => {
  it("that does not match the definition is reported with its issues, after the end of the run", async () => {
    const seen: unknown[] = [];
    await subscribe({
      ...basics(),
      onMessage: () => {},
      onRun: (update) => void seen.push(update),
      onInvalid: (error) => void seen.push(error),
    });
    server.run({ status: "completed", result: { words: 1200 } });
    await until(() => seen.length === 2);
    expect(seen[0]).toMatchObject({ status: "completed" });
    expect(seen[0]).not.toHaveProperty("result");
    expect(seen[1]).toBeInstanceOf(InvalidMessageError);
    expect(seen[1]).toMatchObject({ channel: channel.name, topic: undefined, data: { words: 1200 } });
    expect((seen[1] as Error).message).toMatch(/^The result in run event \S+ on "pipeline:run_42" does not match the definition: \/words/);
  });

  it("that does not match the definition cannot go unnoticed", async () => {
    const messages = await subscribe(basics());
    server.run({ status: "completed", result: null });
    await expect(messages.next()).rejects.toThrow(InvalidMessageError);
  });

  it("is raw without validation or without a definition", async () => {
    const results: unknown[] = [];
    const onRun = ({ result }: { readonly result?: unknown }) => void results.push(result);
    await subscribe({ ...basics(), validate: false, onRun, onMessage: () => {} });
    await subscribe({ ...basics(), channel: channel.name, onRun, onMessage: () => {} });
    server.run(completed);
    await until(() => results.length === 2);
    expect(results).toEqual([{ words: "1200" }, { words: "1200" }]);
  });

  it("keeps its order even with a slow validator", async () => {
    const slow = z.string().refine(async () => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      return true;
    });
    const slowly = defineChannel({
      name: "pipeline",
      address: "pipeline:run_42",
      fingerprint: "9f2c",
      topics: { tokens: { payload: slow } },
      result: slow,
    });
    const seen: unknown[] = [];
    await subscribe({
      ...basics(),
      channel: slowly,
      onMessage: ({ data }) => void seen.push(data),
      onRun: ({ result }) => void seen.push(result),
    });
    server.publish("tokens", "a");
    server.run({ status: "completed", result: "b" });
    server.publish("tokens", "c");
    await until(() => seen.length === 3);
    expect(seen).toEqual(["a", "b", "c"]);
  });
});

describe("a store", () => {
  let store: RealtimeStore;
  const now = () => store.getSnapshot();
  const texts = () => now().messages.all.map(({ data }) => data);

  function start(settings: RealtimeSettings = {}, of = channel): void {
    store = new RealtimeStore({ ...basics(), channel: of, topics: ["tokens"], ...settings });
    store.start();
  }
  afterEach(() => store.stop());

  it("shows the current state of the run only", async () => {
    start({ autoCloseOnTerminal: false });
    await until(() => now().connectionStatus === "open");
    expect(now()).toMatchObject({ runStatus: "running", attempt: null, runError: null, haltReason: null });
    server.run({ status: "running", attempt: 2, error: { message: "no network" } });
    await until(() => now().attempt === 2);
    expect(now().runError).toEqual({ message: "no network" });
    server.run({ status: "running", halted: "other code" });
    await until(() => now().haltReason === "other code");
    expect(now()).toMatchObject({ runStatus: "running", attempt: 2, runError: null });
    server.run(completed);
    await until(() => now().runStatus === "completed");
    expect(now()).toMatchObject({ haltReason: null, runError: null, attempt: 2, result: { words: 1200n } });
    server.run({ status: "running", attempt: 1 });
    await until(() => now().runStatus === "running");
    expect(now()).toMatchObject({ attempt: 1, result: undefined, connectionStatus: "open" });
    server.run({ status: "failed", error: { message: "it gave up" } });
    await until(() => now().runStatus === "failed");
    expect(now()).toMatchObject({ runError: { message: "it gave up" }, error: null });
    const { position } = now();
    store.reset();
    expect(now()).toMatchObject({ runStatus: "unknown", attempt: null, runError: null, result: undefined, position });
  });

  it("shows what the run waits for until the next event says otherwise", async () => {
    start({ autoCloseOnTerminal: false });
    await until(() => now().connectionStatus === "open");
    const none = { waitingFor: [], questionIds: {} };
    const wait = { waitingFor: ["approve"], questionIds: { approve: "q1" } };
    expect(now()).toMatchObject(none);
    const ask = async () => {
      server.run({ status: "running", attempt: 1, waitingFor: wait.waitingFor, questions: wait.questionIds });
      await until(() => now().waitingFor.length === 1);
      expect(now()).toMatchObject({ runStatus: "running", ...wait });
    };
    await ask();
    server.run({ status: "of_tomorrow" });
    server.publish("tokens", "a");
    await until(() => texts().length === 1);
    expect(now()).toMatchObject(wait);
    for (const data of [{ status: "running", attempt: 1 }, completed, { status: "failed" }, { status: "cancelled" }]) {
      await ask();
      server.run(data);
      await until(() => now().waitingFor.length === 0);
      expect(now()).toMatchObject({ runStatus: data.status, ...none });
    }
    await ask();
    store.reset();
    expect(now()).toMatchObject(none);
  });

  it("closes once the run has ended, after all earlier messages", async () => {
    start();
    await until(() => now().connectionStatus === "open");
    store.configure({ bufferInterval: 60_000 });
    server.log(
      { kind: "data", topic: "tokens", data: "a" },
      { kind: "data", topic: "tokens", data: "b" },
      { kind: "run", run_id: "run_42", data: completed },
    );
    await until(() => now().connectionStatus === "closed");
    expect([texts(), now().result]).toEqual([["a", "b"], { words: 1200n }]);
    expect(now().position).toMatch(/3$/);
    await until(() => server.connections === 0);
  });

  it("closes if it starts after the end of the run", async () => {
    server.run(completed);
    start();
    await until(() => now().connectionStatus === "closed");
    expect(now()).toMatchObject({ runStatus: "completed", result: { words: 1200n }, error: null });
    await until(() => server.connections === 0);
    expect(server.tokens).toHaveLength(1);
  });

  it("that was disconnected receives the messages before the end, and then closes", async () => {
    start();
    await until(() => now().connectionStatus === "open");
    server.cut();
    server.publish("tokens", "a", "b");
    server.run({ status: "cancelled" });
    await until(() => now().runStatus === "cancelled");
    expect([texts(), now().connectionStatus]).toEqual([["a", "b"], "closed"]);
  });

  it("closes only after slow validators have finished", async () => {
    const slow = z.string().refine(async () => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      return true;
    });
    const slowly = defineChannel({
      name: "pipeline",
      address: "pipeline:{runId}",
      fingerprint: "9f2c",
      params: { runId: z.string() },
      topics: { tokens: { payload: slow } },
    });
    start({}, slowly({ runId: "run_42" }) as unknown as typeof channel);
    await until(() => now().connectionStatus === "open");
    server.publish("tokens", "a", "b", "c");
    server.run({ status: "failed", error: { message: "it gave up" } });
    await until(() => now().connectionStatus === "closed");
    expect(texts()).toEqual(["a", "b", "c"]);
  });

  it("shows an invalid result as an error, and that the run has ended", async () => {
    start();
    await until(() => now().connectionStatus === "open");
    server.run({ status: "completed", result: "1200" });
    await until(() => now().error !== null);
    expect(now().error).toBeInstanceOf(InvalidMessageError);
    expect(now()).toMatchObject({ connectionStatus: "closed", runStatus: "completed", result: undefined });
  });

  it("stays closed if a listener stops it while it connects", async () => {
    store = new RealtimeStore(basics());
    const statuses: string[] = [];
    store.subscribe(() => {
      statuses.push(now().connectionStatus);
      if (now().position !== null) {
        store.stop();
      }
    });
    store.start();
    await until(() => now().connectionStatus === "closed");
    await until(() => server.subscriptions === 0);
    expect(statuses).not.toContain("open");
    expect(now().connectionStatus).toBe("closed");
  });

  it("pauses and resumes when `enabled` is configured, and `undefined` restores the default", async () => {
    start();
    await until(() => now().connectionStatus === "open");
    store.configure({ enabled: false });
    expect(now()).toMatchObject({ connectionStatus: "paused", isPaused: true, pauseReason: "disabled" });
    server.publish("tokens", "a");
    store.configure({ enabled: undefined });
    await until(() => texts().length === 1);
    expect(now()).toMatchObject({ connectionStatus: "open", isPaused: false, pauseReason: null });
  });

  it("sends signals with its token and to its server", async () => {
    start({ enabled: false });
    await store.send(channel.approve, { verdict: "reject" });
    store.stop();
    await store.send(channel.budget, "7", { runId: "run_42" });
    expect(server.signals.map(({ body }) => body)).toEqual(['{"verdict":"reject"}', '"7"']);
    expect(server.signals[1]?.headers.authorization).toBe(`Bearer ${token}`);
    const idle = new RealtimeStore({ channel });
    await expect(idle.send(channel.budget, "7")).rejects.toMatchObject({ code: "unauthorized" });
  });
});
