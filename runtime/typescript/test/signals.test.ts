import { afterEach, beforeEach, expect, it } from "vitest";
import { z } from "zod";
import { defineChannel, send, SignalError } from "../src/index.js";
import type { SendOptions } from "../src/index.js";
import { reviews } from "./pipeline.js";
import { TestServer, tokenFor, until } from "./server.js";
import { setTiming } from "./support.js";

const { approve, budget } = reviews({ runId: "run_42" });
const token = tokenFor(approve.channel, [], 60, ["approve", "budget"]);
let server: TestServer;

beforeEach(async () => {
  setTiming({ signalRetryMin: 1, signalRetryMax: 4 });
  server = await TestServer.start();
});
afterEach(() => server.stop());

function verdict(options: SendOptions = {}): Promise<unknown> {
  return send(approve, { verdict: "approve" }, { token, apiBaseUrl: server.url, ...options });
}

/** Returns the error of a rejected promise. */
async function failure(sending: Promise<unknown>): Promise<SignalError> {
  const error: unknown = await sending.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SignalError);
  return error as SignalError;
}

it("a signal reaches its run, and its sender receives a receipt", async () => {
  const receipt = await verdict({ runId: "attempt/1" });
  // Without a status in the answer, the signal was accepted.
  expect(receipt).toEqual({ runId: "run_42", receivedAt: new Date("2026-11-22T03:31:00.000Z"), status: "accepted" });
  const [sent] = server.signals;
  expect(sent?.url).toBe("/v1/realtime/signal?channel=pipeline%3Arun_42&name=approve&run_id=attempt%2F1");
  expect(sent?.headers.authorization).toBe(`Bearer ${token}`);
  expect(sent?.headers["idempotency-key"]).toMatch(/^[0-9a-f]{32}$/);
  expect(sent?.body).toBe('{"verdict":"approve"}');
});

it("a payload that is too large is refused once, even if the connection breaks before the answer is read", async () => {
  const text = "x".repeat(2 ** 20);
  for (const answer of [413, 0]) {
    server.signals.length = 0;
    server.signalAnswers = [[answer]];
    const sending = send(approve, { verdict: "edit", text }, { token, apiBaseUrl: server.url });
    expect(await failure(sending)).toMatchObject({ code: "invalid" });
    expect(server.signals).toHaveLength(1);
  }
});

it("a signal names the question that it answers", async () => {
  await verdict({ questionId: "q/1", runId: "run_42" });
  await verdict({ questionId: undefined });
  expect(server.signals.map(({ url }) => url)).toEqual([
    "/v1/realtime/signal?channel=pipeline%3Arun_42&name=approve&run_id=run_42&question=q%2F1",
    "/v1/realtime/signal?channel=pipeline%3Arun_42&name=approve",
  ]);
});

it("a receipt has the status accepted or kept", async () => {
  server.signalAnswers = [[200, { status: "accepted" }], [200, { status: "kept" }], [200, { status: 7 }]];
  expect(await verdict()).toMatchObject({ status: "accepted" });
  expect(await verdict()).toMatchObject({ status: "kept" });
  expect(await verdict()).toMatchObject({ status: "accepted" });
});

it("a payload is sent in its wire form, with a new idempotency key for each call", async () => {
  await send(budget, "12345678901234567890", { token, apiBaseUrl: server.url });
  await send(budget, "12345678901234567890", { token, apiBaseUrl: server.url });
  expect(server.signals.map(({ body }) => body)).toEqual(Array(2).fill('"12345678901234567890"'));
  expect(new Set(server.signals.map(({ headers }) => headers["idempotency-key"])).size).toBe(2);
});

it("an invalid payload is not sent, and no token is fetched", async () => {
  let calls = 0;
  const options = { token: () => String((calls += 1)), apiBaseUrl: server.url };
  const error = await failure(send(approve, { verdict: "maybe" as "edit" }, options));
  expect(error).toMatchObject({ code: "invalid", status: undefined, channel: approve.channel, signal: "approve" });
  expect(error.issues).toMatchObject([{ path: "/verdict" }]);
  expect([server.signals.length, calls]).toEqual([0, 0]);
});

it("a payload is not sent if its validator fails", async () => {
  const broken = defineChannel({
    name: "a",
    address: "a",
    fingerprint: "",
    topics: {},
    signals: { go: { payload: z.string().refine(() => { throw new Error("no network"); }) } },
  });
  expect(await failure(send(broken.go, "", { token, apiBaseUrl: server.url }))).toMatchObject({ code: "invalid" });
});

it("a request without an answer, or with 503, is sent again with the same key", async () => {
  setTiming({ signalTimeout: 500 });
  server.signalAnswers = [[0], [503], [-1], [502], [200]];
  await verdict();
  expect(server.signals).toHaveLength(5);
  expect(new Set(server.signals.map(({ headers }) => headers["idempotency-key"])).size).toBe(1);
});

it("Retry-After is honored", async () => {
  server.signalAnswers = [[429, { code: "rate_limited" }], [200]];
  server.retryAfter = "1";
  const begun = performance.now();
  await verdict();
  expect(performance.now() - begun).toBeGreaterThan(990);
  expect(server.signals).toHaveLength(2);
});

it("send gives up on a server that stays unavailable", async () => {
  server.signalAnswers = Array(20).fill([503, null, "the server is about to stop"]);
  const error = await failure(verdict());
  expect(error).toMatchObject({ code: "unavailable", status: 503 });
  expect(error.message).toBe(
    'The signal "approve" to "pipeline:run_42" failed: the server is about to stop',
  );
  expect(server.signals).toHaveLength(7);
  const { url } = server;
  await server.stop();
  expect(await failure(verdict({ apiBaseUrl: url }))).toMatchObject({ code: "unavailable", status: undefined });
});

const at = "2026-11-22T03:31:00.000Z";
const issues = [{ path: "/verdict", rule: "enum", message: "must be one of …", value: '"maybe"' }];
it.each([
  [409, { code: "already_taken", by: "user_1", at }, { code: "already_taken", takenSender: "user_1", takenAt: new Date(at) }],
  [409, { code: "already_taken", at }, { code: "already_taken", takenSender: undefined, takenSignal: undefined }],
  [
    409,
    { code: "already_taken", at, signal: "budget", payload: "7" },
    { code: "already_taken", takenSignal: "budget", takenPayload: "7" },
  ],
  [
    409,
    { code: "already_taken", at, signal: 7, payload: null },
    { code: "already_taken", takenSignal: undefined, takenPayload: null },
  ],
  [409, { code: "too_late" }, { code: "too_late" }],
  [409, { code: "run_ended" }, { code: "run_ended" }],
  [409, { code: "of_tomorrow" }, { code: "unknown" }],
  [404, { code: "no_run" }, { code: "no_run" }],
  [404, { code: "unknown_channel" }, { code: "unknown_channel" }],
  [404, { code: "unknown_signal" }, { code: "unknown_signal" }],
  [404, null, { code: "unknown" }],
  [403, null, { code: "not_granted" }],
  [401, null, { code: "unauthorized" }],
  [400, null, { code: "invalid", issues: [] }],
  [413, null, { code: "invalid" }],
  [422, { issues }, { code: "invalid", issues }],
  [418, null, { code: "unknown" }],
] as const)("%i with %o is reported unchanged, and not sent again", async (status, data, expected) => {
  server.signalAnswers = [[status, data, "in the server's words"]];
  const error = await failure(verdict());
  expect(error).toMatchObject({ status, ...expected });
  expect(error.message).toMatch(/in the server's words$/);
  expect(server.signals).toHaveLength(1);
});

it("an answer from another server is an error", async () => {
  server.signalAnswers = [[201]];
  expect(await failure(verdict())).toMatchObject({ code: "unavailable", status: 201 });
  expect(await failure(verdict({ apiBaseUrl: undefined }))).toMatchObject({ code: "unavailable", status: undefined });
});

it("a token that is no longer valid is fetched again once", async () => {
  let calls = 0;
  const renewed = () => tokenFor(approve.channel, [], 60 + (calls += 1), ["approve"]);
  server.signalAnswers = [[401]];
  await verdict({ token: renewed });
  const bearers = server.signals.map(({ headers }) => headers.authorization);
  expect([calls, new Set(bearers).size]).toEqual([2, 2]);
  server.signalAnswers = [[401], [401], [401]];
  expect(await failure(verdict({ token: renewed }))).toMatchObject({ code: "unauthorized", status: 401 });
  expect([calls, server.signals.length]).toEqual([4, 4]);
});

it("a token factory that fails is called again", async () => {
  let calls = 0;
  await verdict({
    token: () => {
      calls += 1;
      if (calls < 3) {
        throw new Error("no network");
      }
      return { key: token };
    },
  });
  const error = await failure(verdict({ token: () => Promise.reject(new Error("no session")) }));
  expect(error).toMatchObject({ code: "unauthorized", status: undefined });
  expect(error.message).toMatch(/no session/);
  expect(await failure(verdict({ token: undefined }))).toMatchObject({ code: "unauthorized" });
  expect(server.signals).toHaveLength(1);
});

it("a token can name the server", async () => {
  await verdict({ token: { key: token, apiBaseUrl: server.url }, apiBaseUrl: undefined });
  expect(server.signals).toHaveLength(1);
});

it("an abort rejects at once", async () => {
  const reason = new Error("the page is left");
  await expect(verdict({ abortSignal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  expect(server.signals).toHaveLength(0);
  server.signalAnswers = [[-1]];
  const controller = new AbortController();
  const sending = verdict({ abortSignal: controller.signal });
  await until(() => server.signals.length === 1);
  controller.abort(reason);
  await expect(sending).rejects.toBe(reason);
  await until(() => server.abandoned === 1);
  const never = new AbortController();
  const asking = verdict({ abortSignal: never.signal, token: () => new Promise<string>(() => {}) });
  never.abort(reason);
  await expect(asking).rejects.toBe(reason);
  expect(server.signals).toHaveLength(1);
});
