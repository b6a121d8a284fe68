import { afterAll, beforeAll, expect, test } from "vitest";
import { type Listener, listen } from "./support/listen.js";
import { Server } from "./support/server.js";
import { until } from "./support/wait.js";

const status = { message: "Writing", step: "write", progress: 50 };
const token = (index: number, text = "x") => ({ index, text });

let server: Server;
let listener: Listener;

beforeAll(async () => {
  server = await Server.start();
  listener = await listen("run_1", { token: await server.token("run_1"), apiBaseUrl: server.url });
});

afterAll(async () => {
  listener.close();
  await server.stop();
});

interface Refusal {
  readonly error: string;
  readonly data: { readonly issues: { path: string; rule: string; message: string }[] } | null;
  readonly status: number;
}

async function refusal(response: Promise<Response>): Promise<Refusal> {
  const { status, error, data } = (await (await response).json()) as Refusal;
  expect(status).toBe((await response).status);
  return { status, error, data };
}

/** Publishes one more message and returns all messages up to it, including any that should have been refused. */
async function receivedUpTo(index: number): Promise<readonly unknown[]> {
  expect((await server.publish("tokens", token(index))).status).toBe(200);
  await until("the message has come", () => listener.indexes.includes(index));
  return listener.messages.splice(0).map(({ data }) => data);
}

test("a valid payload is published, and the response contains its id", async () => {
  const response = await server.publish("tokens", token(1, "Ünï ☃ \u2028"), { runId: "run_1" });
  expect(response.status).toBe(200);
  const { id } = (await response.json()) as { id: string };
  await until("it has come", () => listener.messages.length === 1);
  expect(listener.messages[0]).toMatchObject({ id, runId: "run_1", data: token(1, "Ünï ☃ \u2028") });
  expect(await receivedUpTo(2)).toHaveLength(2);
});

test("a token allows publishing only to its topics", async () => {
  const bearer = await server.publishToken("run_1");
  expect((await server.publish("tokens", token(3), { bearer })).status).toBe(200);
  const elsewhere = await refusal(server.publish("tokens", token(4), { bearer, channel: "pipeline:run_2" }));
  expect(elsewhere.status).toBe(401);
  expect(await receivedUpTo(5)).toEqual([token(3), token(5)]);
});

test("without a valid key, a request is refused and nothing is published", async () => {
  const other = server.signingKey.replaceAll("0", "f");
  for (const bearer of ["", "nonsense", other, await server.token("run_1")]) {
    expect((await refusal(server.publish("tokens", token(6), { bearer }))).status).toBe(401);
  }
  expect((await server.mint([{ channel: "pipeline:run_1", name: "status", kind: "run" }], other)).status).toBe(401);
  expect(await receivedUpTo(7)).toEqual([token(7)]);
});

test("an unknown channel, topic or param is not found", async () => {
  const channels = ["pipeline", "pipeline:", "pipeline:RUN", "pipeline:run_1:x", "pipeline:run_%31", "other", "System"];
  for (const channel of channels) {
    expect((await refusal(server.publish("tokens", token(8), { channel }))).status, channel).toBe(404);
  }
  for (const topic of ["Tokens", "notice", "constructor", "__proto__"]) {
    expect((await refusal(server.publish(topic, token(8)))).status, topic).toBe(404);
  }
  expect(await receivedUpTo(9)).toEqual([token(9)]);
});

test("an invalid payload is refused with every issue, and nothing is published", async () => {
  const broken = { message: "", step: "Write", progress: 100.5 };
  const { status: code, data } = await refusal(server.publish("status", broken));
  expect(code).toBe(422);
  expect(data?.issues.map((issue) => issue.path).sort()).toEqual(["/message", "/progress", "/step"]);
  const rules = data?.issues.map((issue) => issue.rule);
  expect(rules).toEqual(expect.arrayContaining(["minLength", "enum"]));

  const others = [{}, [], null, [status], { ...status, progress: "50" }, { ...status, progress: null }, "Writing"];
  for (const other of others) {
    const { status: code } = await refusal(server.publish("status", JSON.stringify(other)));
    expect(code, JSON.stringify(other)).toBe(422);
  }
  const surrogate = '{"message":"\\ud800","step":"write","progress":1}';
  expect([400, 422]).toContain((await refusal(server.publish("status", surrogate))).status);
  expect(await receivedUpTo(10)).toEqual([token(10)]);
});

test("invalid JSON and missing parameters are refused", async () => {
  for (const body of ["", "{", '{"index":1,"text":"x"} more', "{'index':1}", '{"index":NaN,"text":"x"}']) {
    expect((await refusal(server.publish("tokens", body))).status, body).toBe(400);
  }
  const headers = { authorization: `Bearer ${server.signingKey}` };
  const body = JSON.stringify(token(11));
  for (const query of ["", "?channel=pipeline:run_1", "?topic=tokens", "?channel=pipeline:run_1&topic=tokens&run_id="]) {
    const response = fetch(`${server.url}/v1/realtime/publish${query}`, { method: "POST", headers, body });
    expect((await refusal(response)).status, query).toBe(400);
  }
  expect(await receivedUpTo(12)).toEqual([token(12)]);
});

test("a payload of 1 MiB arrives whole, and one more byte is refused", async () => {
  const room = 1024 * 1024 - JSON.stringify(token(13, "")).length;
  expect((await server.publish("tokens", token(13, "a".repeat(room)))).status).toBe(200);
  expect((await refusal(server.publish("tokens", token(14, "a".repeat(room + 1))))).status).toBe(413);
  expect(await receivedUpTo(15)).toEqual([token(13, "a".repeat(room)), token(15)]);
});

test.each([2, 8, 40])("a payload of %i MiB is refused every time, and no later request fails", async (mebibytes) => {
  const body = "a".repeat(mebibytes * 1024 * 1024);
  for (let round = 0; round < 50; round += 1) {
    expect((await refusal(server.publish("tokens", body))).status).toBe(413);
    const innocent = await server.mint([{ channel: "pipeline:run_1", name: "status", kind: "run" }]);
    expect(innocent.status).toBe(201);
  }
}, 60_000);

test("a text stream that is refused while it is written receives the response", async () => {
  for (const [bearer, status] of [["wrong", 401], [server.signingKey, 415]] as const) {
    let pieces = 0;
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        controller.enqueue(new TextEncoder().encode("Once upon a time "));
        if (++pieces === 40) {
          controller.close();
        }
      },
    });
    const headers = { authorization: `Bearer ${bearer}`, "content-type": "text/stream" };
    const request: RequestInit & { duplex: "half" } = { method: "POST", headers, body, duplex: "half" };
    const response = fetch(`${server.url}/v1/realtime/publish?channel=pipeline:run_1&topic=tokens`, request);
    expect((await refusal(response)).status).toBe(status);
  }
});

test("numbers have the same value on both sides, in any notation", async () => {
  expect((await server.publish("tokens", '{"index":1.6e1,"text":"x"}')).status).toBe(200);
  expect((await server.publish("tokens", '{"index":0,"index":17.0,"text":"a","text":"x"}')).status).toBe(200);
  const { status } = await refusal(server.publish("tokens", '{"index":1e400,"text":"x"}'));
  expect([400, 422]).toContain(status);
  expect(await receivedUpTo(18)).toEqual([token(16), token(17), token(18)]);
});
