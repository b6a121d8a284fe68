import type { Realtime } from "inngest";
import { channel, getSubscriptionToken, staticSchema, subscribe } from "inngest/realtime";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pipeline } from "../../generated/typescript/pipeline.js";
import { system } from "../../generated/typescript/system.js";
import { listen } from "../end-to-end/support/listen.js";
import { Server } from "../end-to-end/support/server.js";
import { range, until } from "../end-to-end/support/wait.js";
import { appOf, recording } from "./support/app.js";
import { follow } from "./support/follow.js";

type Fields = Record<string, unknown>;

/** Topics written for Inngest, which accept payloads that the definition rejects. */
const loose = channel({
  name: ({ runId }: { runId: string }) => `pipeline:${runId}`,
  topics: { status: { schema: staticSchema<Fields>() }, other: { schema: staticSchema<Fields>() } },
});

let server: Server;
let app: ReturnType<typeof appOf>;

beforeAll(async () => {
  server = await Server.start();
  app = appOf(server);
});

afterAll(() => server.stop());

test("the SDK and Fanfare's client receive messages of the SDK and of Rust in the same order", async () => {
  const run = pipeline({ runId: "run_turns" });
  const own = await listen("run_turns", { token: await server.token("run_turns"), apiBaseUrl: server.url });
  const guest = follow(await app.realtime.subscribe({ channel: run, topics: ["status", "tokens"] }));
  for (const index of range(0, 50)) {
    if (index % 2 === 0) {
      await app.realtime.publish(run.tokens, { index, text: `${index} “quoted” \u2028 \u{1f389}` });
    } else {
      await server.tokens("run_turns", { from: index, count: 1 });
    }
  }
  await app.realtime.publish(run.status, { message: "Done", step: "complete", progress: 100 });
  await guest.count(51);
  await until("all have come", () => own.messages.length >= 51);
  expect(guest.messages.map(({ data }) => data)).toEqual(own.messages.map(({ data }) => data));
  expect(own.indexes.slice(0, 50)).toEqual(range(0, 50));
  expect(guest.messages[48]?.data).toEqual({ index: 48, text: "48 “quoted” \u2028 \u{1f389}" });
  own.close();
});

test("a string arrives unchanged, even if it looks like another type", async () => {
  const guest = follow(await app.realtime.subscribe({ channel: system, topics: ["log"] }));
  const lines = ["started", "123", "true", "null", "{\"a\":1}", "[", "\u{1f389} é"];
  for (const line of lines) {
    await app.realtime.publish(system.log, line);
  }
  await guest.count(lines.length);
  expect(guest.messages.map(({ data }) => data)).toEqual(lines);
});

test("the SDK does not send payloads that violate the definition", async () => {
  const { fetch, sent } = recording();
  const run = pipeline({ runId: "run_1" });
  const refused = [
    {},
    null,
    "text",
    { message: "", step: "write", progress: 1 },
    { message: "x", step: "write", progress: 101 },
  ];
  for (const payload of refused) {
    const published = appOf(server, { fetch }).realtime.publish(run.status, payload);
    await expect(published).rejects.toThrow('Schema validation failed for topic "status"');
  }
  expect(sent).toEqual([]);
});

test("the server refuses invalid payloads that the SDK sends, and publishes nothing", async () => {
  const guest = follow(await app.realtime.subscribe({ channel: pipeline({ runId: "run_loose" }), topics: ["status"] }));
  const topics = loose({ runId: "run_loose" });
  const refused: [{ channel: string; topic: string; config: Realtime.TopicConfig }, unknown, string][] = [
    [topics.status, { message: "x", step: "write", progress: 101 }, "422 Unprocessable Entity"],
    [topics.status, { message: "x" }, "422 Unprocessable Entity"],
    [topics.status, "not JSON", "400 Bad Request"],
    [topics.status, { message: "x".repeat(1024 * 1024) }, "413 Payload Too Large"],
    [topics.other, {}, "404 Not Found"],
    [loose({ runId: "RUN" }).status, {}, "404 Not Found"],
    [{ ...topics.status, channel: "other:run_loose" }, {}, "404 Not Found"],
    [{ ...topics.status, topic: "$run" }, { status: "completed" }, "404 Not Found"],
  ];
  for (const [topic, payload, reason] of refused) {
    await expect(app.realtime.publish(topic, payload)).rejects.toThrow(`Failed to publish event: ${reason}`);
  }
  await app.realtime.publish(topics.status, { message: "Valid", step: "write", progress: 100 });
  await guest.count(1);
  expect(guest.messages.map(({ data }) => data)).toEqual([{ message: "Valid", step: "write", progress: 100 }]);
});

test("the response contains every issue", async () => {
  const response = await server.publish("status", { message: "", step: "write", progress: 101 });
  expect(response.status).toBe(422);
  expect(await response.json()).toMatchObject({
    data: {
      issues: [
        { path: "/message", rule: "minLength" },
        { path: "/progress", rule: "maximum", message: "must be at most 100", value: "101" },
      ],
    },
    status: 422,
  });
});

test("a publish that is repeated with its idempotency key arrives once", async () => {
  const guest = follow(await app.realtime.subscribe({ channel: pipeline({ runId: "run_once" }), topics: ["status"] }));
  const url = `${server.url}/v1/realtime/publish?channel=pipeline:run_once&topic=status`;
  const headers = { authorization: `Bearer ${server.signingKey}`, "idempotency-key": "step 7" };
  const body = JSON.stringify({ message: "Once", step: "write", progress: 7 });
  const answers = [];
  for (const _ of range(0, 3)) {
    const response = await fetch(url, { method: "POST", headers, body });
    answers.push({ ...((await response.json()) as object), repeated: response.headers.get("idempotent-replayed") });
  }
  const [first] = answers;
  expect(answers).toEqual([{ ...first, repeated: null }, { ...first, repeated: "true" }, { ...first, repeated: "true" }]);
  await server.status("run_once", "Next");
  await guest.count(2);
  expect(guest.messages.map(({ data }) => (data as { message: string }).message)).toEqual(["Once", "Next"]);
});

test("an unknown key publishes nothing", async () => {
  const wrong = appOf(server, { signingKey: "signkey-test-ffffffffffffffffffffffffffffffff" });
  const published = wrong.realtime.publish(pipeline({ runId: "run_1" }).tokens, { index: 0, text: "x" });
  await expect(published).rejects.toThrow("401 Unauthorized");
});

test("a large message arrives whole", async () => {
  const token = await getSubscriptionToken(app, { channel: pipeline({ runId: "run_large" }), topics: ["tokens"] });
  const guest = follow(await subscribe(token));
  const text = "€".repeat(300_000);
  await app.realtime.publish(pipeline({ runId: "run_large" }).tokens, { index: 0, text });
  await guest.count(1);
  expect(guest.messages[0]?.data).toEqual({ index: 0, text });
});
