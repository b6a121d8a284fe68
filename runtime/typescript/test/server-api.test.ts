import { createServer } from "node:http";
import type { IncomingHttpHeaders, Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { z } from "zod";
import { defineChannel } from "../src/index.js";
import { createRealtime, RealtimeError, SignalError } from "../src/server.js";
import type { Realtime } from "../src/server.js";
import { pipeline, reviews } from "./pipeline.js";

interface Asked {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const channel = pipeline({ runId: "run_42" });
const stories = defineChannel({
  name: "stories",
  address: "stories",
  fingerprint: "01",
  topics: { draft: { stream: "text" }, note: { payload: z.string() } },
});
/** The statuses of the next answers; 0 cuts the connection. */
let answers: [status: number, body: unknown][];
/** The header `Retry-After` of all answers. */
let retryAfter: string;
let asked: Asked[];
let server: Server;
let realtime: Realtime;

beforeEach(async () => {
  answers = [];
  retryAfter = "";
  asked = [];
  server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request.setEncoding("utf8")) {
      body += String(chunk);
    }
    asked.push({ url: request.url ?? "", headers: request.headers, body });
    const [status, answer] = answers.shift() ?? [200, { id: "1-2" }];
    if (status === 0) {
      request.socket.destroy();
    } else {
      response.writeHead(status, retryAfter === "" ? {} : { "retry-after": retryAfter }).end(status === 204 ? undefined : JSON.stringify(answer));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const apiBaseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api`;
  realtime = createRealtime({ apiBaseUrl, signingKey: "signkey-test-00ff" });
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

it("a payload is published with an idempotency key and the hashed signing key", async () => {
  expect(await realtime.publish(channel.status, { message: "hi" }, { runId: "attempt/1" })).toEqual({ id: "1-2" });
  await realtime.publish(channel.tokens, "hello", { idempotencyKey: "mine" });
  const [first, second] = asked;
  expect(first?.url).toBe("/api/v1/realtime/publish?channel=pipeline%3Arun_42&topic=status&run_id=attempt%2F1");
  expect(first?.body).toBe('{"message":"hi"}');
  // The SHA-256 of the bytes 00 ff.
  expect(first?.headers.authorization).toBe(
    "Bearer signkey-test-06eb7d6a69ee19e5fbdf749018d3d2abfa04bcbd1365db312eb86dc7169389b8",
  );
  expect(first?.headers["idempotency-key"]).toMatch(/^[0-9a-f-]{36}$/);
  expect([second?.body, second?.headers["idempotency-key"]]).toEqual(['"hello"', "mine"]);
});

it("temporary failures are retried with the same idempotency key", async () => {
  answers = [[0, null], [503, { error: "closing" }], [200, { id: "1-3" }]];
  expect(await realtime.publish(channel.tokens, "hello")).toEqual({ id: "1-3" });
  expect(asked).toHaveLength(3);
  expect(new Set(asked.map(({ headers }) => headers["idempotency-key"])).size).toBe(1);
});

it("Retry-After is honored, unless the delay is long", async () => {
  const refused: [number, unknown] = [429, { error: "rate limit exceeded", data: { code: "rate_limited" }, status: 429 }];
  [answers, retryAfter] = [[refused, [200, { id: "1-3" }]], "1"];
  const begun = performance.now();
  expect(await realtime.publish(channel.tokens, "hello")).toEqual({ id: "1-3" });
  expect(performance.now() - begun).toBeGreaterThan(990);
  [answers, retryAfter] = [[refused], "60"];
  await expect(realtime.publish(channel.tokens, "hello")).rejects.toMatchObject({ status: 429, retryAfterMs: 60_000 });
});

it("an abort ends the wait for another attempt", async () => {
  const refused: [number, unknown] = [429, { error: "rate limit exceeded", data: { code: "rate_limited" }, status: 429 }];
  [answers, retryAfter] = [[refused, [200, { id: "1-3" }]], "20"];
  const begun = performance.now();
  const abortSignal = AbortSignal.timeout(100);
  const publishing = realtime.publish(channel.tokens, "hello", { abortSignal });
  await expect(publishing).rejects.toThrow(/^The request to .+ failed/);
  await expect(publishing).rejects.toHaveProperty("cause", abortSignal.reason);
  expect(performance.now() - begun).toBeLessThan(10_000);
});

it("a refusal is not retried, and the error has the server's message, status and issues", async () => {
  const issues = [{ path: "/message", rule: "minLength", message: "must not be empty", value: '""' }];
  answers = [[422, { error: "the payload is invalid", data: { issues }, status: 422 }]];
  const publishing = realtime.publish(channel.tokens, "hello");
  await expect(publishing).rejects.toMatchObject({ status: 422, issues });
  await expect(publishing).rejects.toThrow(/publish responded with status 422: the payload is invalid$/);
  expect(asked).toHaveLength(1);
});

it("a payload that is too large is refused once, even if the connection breaks before the answer is read", async () => {
  const large = "x".repeat(2 ** 21);
  answers = [[413, { error: "the body has more than 1048576 bytes", data: null, status: 413 }], [0, null]];
  await expect(realtime.publish(channel.tokens, large)).rejects.toMatchObject({ status: 413 });
  await expect(realtime.publish(channel.tokens, large)).rejects.toThrow(
    /failed: .+; the body has 2097154 bytes, and the limit is 1048576: send a reference/,
  );
  expect(asked).toHaveLength(2);
});

it("an invalid payload is not sent", async () => {
  const publishing = realtime.publish(channel.status, { message: "" });
  await expect(publishing).rejects.toBeInstanceOf(RealtimeError);
  await expect(publishing).rejects.toMatchObject({ status: undefined, issues: [{ path: "/message" }] });
  expect(asked).toEqual([]);
});

it("a text is streamed from any source, without splitting a character", async () => {
  async function* pieces() {
    yield "Once \ud83d";
    yield "\ude00 upon";
  }
  const stream = new ReadableStream<string>({
    start(controller) {
      controller.enqueue("a time");
      controller.close();
    },
  });
  for (const text of ["all at once", pieces(), stream]) {
    await realtime.publish(stories.draft, text, { idempotencyKey: "mine" });
  }
  expect(asked.map(({ body }) => body)).toEqual(["all at once", "Once 😀 upon", "a time"]);
  expect(asked.map(({ headers }) => headers["content-type"])).toEqual(Array(3).fill("text/stream"));
  expect(asked.map(({ headers }) => headers["idempotency-key"])).toEqual(Array(3).fill(undefined));
});

it("a token is created for all topics of a channel, or for some", async () => {
  answers = [[201, { jwt: "a.b.c" }], [201, { jwt: "d.e.f" }]];
  expect(await realtime.token(stories, { expiresInSeconds: 300, subject: "user_1", id: "login_17" })).toBe("a.b.c");
  expect(asked[0]?.url).toBe("/api/v1/realtime/token?expires_in=300&subject=user_1&id=login_17");
  expect(JSON.parse(asked[0]?.body ?? "")).toEqual([
    { channel: "stories", name: "draft", kind: "run" },
    { channel: "stories", name: "note", kind: "run" },
  ]);
  expect(await realtime.getClientSubscriptionToken({ channel, topics: ["status"] })).toEqual({
    channel: channel.name,
    topics: ["status"],
    key: "d.e.f",
    apiBaseUrl: expect.stringMatching(/^http:.*\/api$/),
  });
  await expect(realtime.token("a:name")).rejects.toThrow(/needs `topics` or `signals`/);
});

it("a token can grant signals, with or without topics", async () => {
  answers = [[201, { jwt: "a.b.c" }], [201, { jwt: "d.e.f" }], [201, { jwt: "g.h.i" }]];
  const review = reviews({ runId: "run_42" });
  await realtime.token(review, { signals: ["approve"] });
  await realtime.getClientSubscriptionToken({ channel: review, topics: [], signals: ["approve", "budget"] });
  await realtime.token("a:name", { signals: ["go"] });
  const of = (kind: string) => (name: string) => ({ channel: review.name, name, kind });
  expect(asked.map(({ body }) => JSON.parse(body) as unknown)).toEqual([
    [of("run")("tokens"), of("signal")("approve")],
    ["approve", "budget"].map(of("signal")),
    [{ channel: "a:name", name: "go", kind: "signal" }],
  ]);
});

it("a signal is sent with the signing key, and again if it was not answered", async () => {
  const { approve } = reviews({ runId: "run_42" });
  answers = [[503, { error: "closing" }], [200, { run_id: "run_42", at: "2026-11-22T03:31:00.000Z" }]];
  const options = { runId: "run_42", questionId: "q1", idempotencyKey: "mine" };
  const receipt = await realtime.send(approve, { verdict: "edit", text: "Better" }, options);
  expect(receipt).toEqual({ runId: "run_42", receivedAt: new Date("2026-11-22T03:31:00.000Z"), status: "accepted" });
  expect(asked).toHaveLength(2);
  expect(asked[1]?.url).toBe(
    "/api/v1/realtime/signal?channel=pipeline%3Arun_42&name=approve&run_id=run_42&question=q1",
  );
  expect(asked[1]?.headers["idempotency-key"]).toBe("mine");
  expect(asked[1]?.headers.authorization).toMatch(/^Bearer signkey-test-06eb7d/);
  answers = [[409, { error: "too late", data: { code: "too_late" } }]];
  const late = realtime.send(approve, { verdict: "approve" });
  await expect(late).rejects.toBeInstanceOf(SignalError);
  await expect(late).rejects.toMatchObject({ code: "too_late", status: 409 });
});

it("a token is revoked by its id", async () => {
  answers = [[204, null]];
  await realtime.revoke("login_17");
  expect(asked[0]).toMatchObject({ url: "/api/v1/realtime/revoke", body: '{"jti":"login_17"}' });
});

it("createRealtime throws in a page", () => {
  Object.assign(globalThis, { window: {} });
  try {
    expect(() => createRealtime({ apiBaseUrl: "http://x", signingKey: "k" })).toThrow(/must not run in a page/);
  } finally {
    Reflect.deleteProperty(globalThis, "window");
  }
});
