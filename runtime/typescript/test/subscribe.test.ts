import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import * as z from "zod";
import { ConnectionError, defineChannel, InvalidMessageError, subscribe } from "../src/index.js";
import type { Gap } from "../src/index.js";
import { pipeline } from "./pipeline.js";
import { TestServer, tokenFor, until } from "./server.js";

const channel = pipeline({ runId: "run_42" });
const token = tokenFor(channel.name, ["status", "tokens", "total"]);
let server: TestServer;

beforeEach(async () => {
  // Subscriptions that a test leaves open warn that the server is gone.
  vi.spyOn(console, "warn").mockImplementation(() => {});
  server = await TestServer.start();
});
afterEach(() => server.stop());

/** The options of every test. */
function basics() {
  const speed = { reconnectMinMs: 5, reconnectMaxMs: 20 };
  return { channel, token, apiBaseUrl: server.url, WebSocket, ...speed } as const;
}

describe("a subscription", () => {
  it("is confirmed when subscribe resolves, and ends when its loop is left", async () => {
    const subscription = await subscribe({ ...basics(), topics: ["status", "tokens"] });
    expect(subscription.connectionStatus).toBe("open");
    server.publish("status", { message: "one" });
    server.publish("tokens", "a", "b");
    const seen: unknown[] = [];
    for await (const message of subscription) {
      seen.push([message.topic, message.data]);
      if (seen.length === 3) {
        expect(message).toMatchObject({ kind: "data", channel: channel.name, topic: "tokens" });
        expect(message.createdAt).toEqual(new Date("2026-11-22T03:31:00.000Z"));
        break;
      }
    }
    expect(seen).toEqual([
      ["status", { message: "one" }],
      ["tokens", "a"],
      ["tokens", "b"],
    ]);
    await until(() => server.connections === 0);
    expect(await subscription.closed).toBeNull();
  });

  it("ignores topics that were not requested or are not defined", async () => {
    const seen: unknown[] = [];
    await subscribe({ ...basics(), topics: ["status"] }, ({ data }) => void seen.push(data));
    server.publish("tokens", "a");
    server.publish("of_tomorrow", 1);
    server.publish("status", { message: "one" });
    await until(() => seen.length > 0);
    expect(seen).toEqual([{ message: "one" }]);
  });

  it("returns the output of validators, or the raw payload without validation", async () => {
    const checked: unknown[] = [];
    const raw: unknown[] = [];
    await subscribe({ ...basics(), onMessage: ({ data }) => void checked.push(data) });
    await subscribe({ ...basics(), validate: false }, ({ data }) => void raw.push(data));
    server.publish("total", "12345678901234567890");
    await until(() => checked.length + raw.length === 2);
    expect(checked).toEqual([12345678901234567890n]);
    expect(raw).toEqual(["12345678901234567890"]);
  });

  it("keeps the order with async validators", async () => {
    const slow = z.number().refine(async (delay) => {
      await new Promise((resolve) => setTimeout(resolve, delay));
      return true;
    });
    const mixed = defineChannel({
      name: "pipeline",
      address: "pipeline:run_42",
      fingerprint: "9f2c",
      topics: { slow: { payload: slow }, fast: { payload: z.number() } },
    });
    const seen: number[] = [];
    await subscribe({
      ...basics(),
      channel: mixed,
      token: tokenFor(channel.name, ["slow", "fast"]),
      onMessage: async ({ data }) => {
        await new Promise((resolve) => setTimeout(resolve, 3 - (data % 3)));
        seen.push(data);
      },
    });
    const payloads = [20, 1, 10, 2, 5, 3];
    for (const [index, payload] of payloads.entries()) {
      server.publish(index % 2 === 0 ? "slow" : "fast", payload);
    }
    await until(() => seen.length === payloads.length);
    expect(seen).toEqual(payloads);
  });

  it("accepts promises of any library from validators, and treats a missing result as a failure", async () => {
    const answers: Record<string, unknown> = {
      yes: { then: (resolve: (result: unknown) => void) => resolve({ value: "yes" }) },
      no: { then: (resolve: (result: unknown) => void) => resolve({ issues: [{ message: "no" }] }) },
      silence: undefined,
      later: Promise.resolve(undefined),
    };
    const validate = (value: unknown) => answers[value as string] as { value: string };
    const payload = { "~standard": { version: 1 as const, vendor: "a user", validate } };
    const odd = defineChannel({
      name: "pipeline",
      address: "pipeline:run_42",
      fingerprint: "9f2c",
      topics: { odd: { payload } },
    });
    const seen: unknown[] = [];
    await subscribe({
      ...basics(),
      channel: odd,
      token: tokenFor(channel.name, ["odd"]),
      onMessage: ({ data }) => void seen.push(data),
      onInvalid: ({ issues }) => void seen.push(issues[0]?.message),
    });
    for (const answer of ["silence", "later", "no", "yes"]) {
      server.publish("odd", answer);
    }
    await until(() => seen.length === 4);
    const silent = "the validator failed: it returned no result";
    expect(seen).toEqual([silent, silent, "no", "yes"]);
  });

  it("calls onInvalid for invalid messages with their issues, in order", async () => {
    const seen: unknown[] = [];
    await subscribe({
      ...basics(),
      onMessage: ({ data }) => void seen.push(data),
      onInvalid: (error) => void seen.push(error),
    });
    server.publish("status", { message: "one" }, { message: "" }, { message: "two" });
    await until(() => seen.length === 3);
    const error = seen[1] as InvalidMessageError;
    expect(error).toBeInstanceOf(InvalidMessageError);
    expect(error).toMatchObject({ topic: "status", data: { message: "" } });
    expect(error.issues[0]?.path).toEqual(["message"]);
    expect(seen[2]).toEqual({ message: "two" });
  });

  it("ends with the error of an invalid message if there is no callback for it", async () => {
    const subscription = await subscribe(basics());
    server.publish("status", { message: 7 });
    await expect(subscription.next()).rejects.toThrow(InvalidMessageError);
    expect(await subscription.next()).toEqual({ done: true, value: undefined });
    expect(await subscription.closed).toBeInstanceOf(InvalidMessageError);
  });

  it("ends without an error when its abortSignal is aborted", async () => {
    const controller = new AbortController();
    const subscription = await subscribe({ ...basics(), abortSignal: controller.signal });
    setTimeout(() => controller.abort(), 10);
    for await (const message of subscription) {
      expect.unreachable(message.id);
    }
    await until(() => server.connections === 0);
    await expect(subscribe({ ...basics(), abortSignal: controller.signal })).rejects.toThrow(/abort/);
  });

  it("delivers nothing after it was closed", async () => {
    const seen: unknown[] = [];
    const subscription = await subscribe(basics(), ({ data }) => {
      seen.push(data);
      subscription.close();
    });
    server.publish("tokens", "a", "b", "c");
    await subscription.closed;
    await until(() => server.connections === 0);
    expect(seen).toEqual(["a"]);
  });

  it("starts at `since`", async () => {
    server.publish("tokens", "a", "b");
    const subscription = await subscribe({ ...basics(), since: "start" });
    expect((await subscription.next()).value?.data).toBe("a");
    subscription.close();
  });
});

describe("a lost connection", () => {
  it("resumes without losing or repeating messages, with the same token", async () => {
    let calls = 0;
    const seen: unknown[] = [];
    await subscribe({
      ...basics(),
      token: () => tokenFor(channel.name, ["tokens"], 60 + ++calls),
      onMessage: ({ data }) => void seen.push(data),
    });
    const expected: string[] = [];
    for (let round = 0; round < 5; round += 1) {
      const payloads = [`${round}a`, `${round}b`];
      expected.push(...payloads);
      server.publish("tokens", ...payloads);
      if (round === 3) {
        server.close(1011);
      } else {
        server.cut();
      }
      expected.push(`${round}c`);
      server.publish("tokens", `${round}c`);
      await until(() => seen.length === expected.length);
    }
    expect(seen).toEqual(expected);
    expect([calls, new Set(server.tokens).size]).toEqual([1, 1]);
    expect(server.tokens.length).toBeGreaterThanOrEqual(6);
  });

  it("reports messages that the history no longer has as a gap, in order with the others", async () => {
    const seen: unknown[] = [];
    const subscription = await subscribe({
      ...basics(),
      onMessage: ({ data }) => void seen.push(data),
      onGap: (gap) => void seen.push(gap),
    });
    server.publish("tokens", "a");
    await until(() => seen.length === 1);
    server.cut();
    server.publish("tokens", "b", "c");
    server.forget();
    server.publish("tokens", "d");
    await until(() => seen.length === 3);
    expect(seen[1]).toMatchObject({ channel: channel.name });
    expect(subscription.gap).toBe(seen[1] as Gap);
    expect(seen[2]).toBe("d");
  });

  it("is restored after a token factory throws and a server refuses", async () => {
    const errors: Error[] = [];
    let calls = 0;
    server.refusals = 2;
    const subscription = await subscribe({
      ...basics(),
      token: async () => {
        calls += 1;
        if (calls < 3) {
          throw new Error("the session has ended");
        }
        return { key: token };
      },
      onError: (error) => void errors.push(error),
    });
    expect(subscription.connectionStatus).toBe("open");
    expect(calls).toBe(5);
    expect(errors.map(({ message }) => message)).toEqual([
      "The `token` function failed: the session has ended",
      "The `token` function failed: the session has ended",
      expect.stringMatching(/unauthorized/),
      expect.stringMatching(/unauthorized/),
    ]);
    subscription.close();
  });

  it("is restored if a WebSocket reports a refusal only by an error event, as in Node 20", async () => {
    class Quiet extends WebSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols);
        this.once("error", () => Object.assign(this, { onclose: null }));
      }
    }
    server.refusedHandshakes = 1;
    const subscription = await subscribe({ ...basics(), WebSocket: Quiet, transport: "websocket" });
    expect(server.handshakes).toBe(2);
    subscription.close();
  });

  it("is restored after `closing`, with the waiting messages first", async () => {
    const seen: unknown[] = [];
    await subscribe({ ...basics(), onMessage: ({ data }) => void seen.push(data) });
    server.send({ kind: "closing", reconnect_in: 20 });
    server.publish("tokens", "a");
    server.close(1001);
    server.publish("tokens", "b");
    await until(() => seen.length === 2);
    expect(seen).toEqual(["a", "b"]);
  });

  it("is not restored after a fatal close code", async () => {
    const subscription = await subscribe(basics());
    server.publish("tokens", "a");
    server.close(4400);
    expect((await subscription.next()).value?.data).toBe("a");
    await expect(subscription.next()).rejects.toMatchObject({ closeCode: 4400, fatal: true });
    expect(await subscription.closed).toBeInstanceOf(ConnectionError);
    expect(subscription.connectionStatus).toBe("error");
    expect(server.tokens.length).toBe(1);
  });

  it("ends the subscription if reconnect is false", async () => {
    const errors: Error[] = [];
    const options = { ...basics(), reconnect: false, onError: (error: Error) => void errors.push(error) };
    const subscription = await subscribe(options, () => {});
    server.cut();
    expect(await subscription.closed).toBeInstanceOf(ConnectionError);
    await until(() => errors.length === 1);
    expect(errors[0]).toBe(await subscription.closed);
    server.refusedHandshakes = 1;
    await expect(subscribe({ ...options, transport: "websocket" })).rejects.toThrow(/401/);
    server.refusals = 1;
    await expect(subscribe(options)).rejects.toMatchObject({ fatal: true, code: "unauthorized" });
  });
});

describe("a slow reader", () => {
  it("buffers a bounded number of messages and reads the rest from the history", async () => {
    const subscription = await subscribe({ ...basics(), bufferLimit: 10 });
    const payloads = Array.from({ length: 100 }, (_, index) => String(index));
    server.publish("tokens", ...payloads);
    await until(() => subscription.connectionStatus === "paused");
    const seen: unknown[] = [];
    for await (const { data } of subscription) {
      seen.push(data);
      if (seen.length === payloads.length) {
        break;
      }
    }
    expect(seen).toEqual(payloads);
    expect(server.tokens.length).toBeGreaterThan(5);
  });
});

describe("subscribe rejects with the fix", () => {
  it("if apiBaseUrl is missing outside of a page", async () => {
    await expect(subscribe({ channel, token, WebSocket })).rejects.toThrow(/apiBaseUrl/);
  });

  it("if a required WebSocket is missing", async () => {
    const given = globalThis.WebSocket;
    Reflect.deleteProperty(globalThis, "WebSocket");
    await expect(
      subscribe({ channel, token, apiBaseUrl: server.url, transport: "websocket" }),
    ).rejects.toThrow(/Node 22/);
    if (given !== undefined) {
      globalThis.WebSocket = given;
    }
  });

  it("if the token is missing or grants something else", async () => {
    await expect(subscribe({ ...basics(), token: undefined })).rejects.toThrow(/set `token`/);
    const other = tokenFor("pipeline:run_43", ["status"]);
    await expect(subscribe({ ...basics(), token: other })).rejects.toThrow(
      'does not grant the channel "pipeline:run_42"',
    );
    const narrow = tokenFor(channel.name, ["status"]);
    server.refusals = 1;
    server.refusalCode = "not_granted";
    await expect(
      subscribe({ ...basics(), token: narrow, topics: ["tokens"] }),
    ).rejects.toThrow('does not grant "tokens"');
  });
});

it.each(["websocket", "sse"] as const)("a page is notified of the drift that the server reports: %s", async (transport) => {
  server.fingerprint = "new";
  const changes = [{ topic: "status", message: "it has changed" }];
  const differences = { channel: channel.name, expected: "9f2c", received: "new" };
  const drifts: unknown[] = [];
  const onDrift = (drift: unknown) => void drifts.push(drift);
  for (const drift of [{ kind: "unknown" }, { kind: "breaking", changes }, { kind: "later" }]) {
    server.drift = drift;
    const subscription = await subscribe({ ...basics(), transport, onDrift });
    subscription.close();
  }
  // The server cannot compare a channel that was not generated.
  const byName = await subscribe({ ...basics(), channel: channel.name, transport, onDrift });
  byName.close();
  expect(drifts).toEqual([
    { ...differences, kind: "unknown", outdated: "unknown", changes: [] },
    { ...differences, kind: "breaking", outdated: "page", changes },
  ]);
});

it.each(["websocket", "sse"] as const)("a page is notified of the drift if it asks for a topic that does not exist: %s", async (transport) => {
  server.fingerprint = "new";
  server.refusals = 1;
  server.refusalCode = "unknown_topic";
  const changes = [{ topic: "status", message: "the server does not have this topic" }];
  server.drift = { kind: "breaking", changes };
  const drifts: unknown[] = [];
  const subscribing = subscribe({ ...basics(), transport, onDrift: (drift) => void drifts.push(drift) });
  await expect(subscribing).rejects.toMatchObject({ code: "unknown_topic", fatal: true });
  expect(drifts).toEqual([
    { channel: channel.name, kind: "breaking", outdated: "page", changes, expected: "9f2c", received: "new" },
  ]);
});

it("a page knows which changes break it on the servers of earlier releases", async () => {
  const changes = [{ topic: "status", message: "it is new" }, { topic: "tokens", message: "it has changed" }];
  const pipeline = defineChannel({
    name: "pipeline",
    address: "pipeline:{runId}",
    fingerprint: "9f2c",
    releases: { compatible: [], breaking: changes },
    params: { runId: z.string() },
    topics: { status: { payload: z.string() }, tokens: { payload: z.string() } },
  });
  const drifts: unknown[] = [];
  const options = { ...basics(), channel: pipeline({ runId: "run_42" }), onDrift: (drift: unknown) => void drifts.push(drift) };
  const found = async (fingerprint: string, topics: ("status" | "tokens")[]): Promise<unknown[]> => {
    server.fingerprint = fingerprint;
    const subscription = await subscribe({ ...options, topics });
    subscription.close();
    return drifts.splice(0);
  };
  const differences = { channel: channel.name, kind: "breaking", outdated: "server", expected: "9f2c", received: "breaking" };
  expect(await found("compatible", ["status", "tokens"])).toEqual([]);
  expect(await found("breaking", ["status", "tokens"])).toEqual([{ ...differences, changes }]);
  expect(await found("breaking", ["tokens"])).toEqual([{ ...differences, changes: changes.slice(1) }]);
  expect(await found("other", ["tokens"])).toMatchObject([{ kind: "unknown", outdated: "unknown" }]);
});
