import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Chat } from "@ai-sdk/react";
import type { UIMessage } from "ai";
import { send } from "fanfare";
import { RealtimeChatTransport } from "fanfare/ai";
import { createRealtime } from "fanfare/server";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { pipeline } from "../../generated/typescript/pipeline.js";
import { quick } from "./support/listen.js";
import { Proxy } from "./support/proxy.js";
import { Server } from "./support/server.js";
import { until } from "./support/wait.js";

interface Posted {
  readonly id: string;
  readonly messages: readonly UIMessage[];
  readonly trigger: string;
  readonly extra?: string;
}

let folder: string;
let server: Server;
let proxy: Proxy;
let endpoint: HttpServer;
/** What the endpoint of the application received. */
let posted: Posted[] = [];
/** What the endpoint does with a request. Returns its response. */
let answer: (request: Posted) => Promise<{ readonly status: number; readonly body: unknown }>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "fanfare-ai-"));
  server = await Server.start({ storage: join(folder, "fanfare.db") });
  proxy = await Proxy.start(server.url);
  endpoint = createServer((request, response) => {
    void (async () => {
      let text = "";
      for await (const part of request) {
        text += String(part);
      }
      const body = JSON.parse(text) as Posted;
      posted.push(body);
      const { status, body: reply } = await answer(body);
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(reply));
    })();
  });
  await new Promise<void>((resolve) => endpoint.listen(0, "127.0.0.1", resolve));
});

afterAll(async () => {
  endpoint?.close();
  proxy?.stop();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(() => {
  posted = [];
});

/** Answers with a text that the server writes after the response. */
function write(text: string, options: Parameters<Server["draft"]>[2] = {}): void {
  answer = async ({ id }) => {
    setTimeout(() => void server.draft(id, text, options), 20);
    return { status: 202, body: {} };
  };
}

function chat(id: string): Chat<UIMessage> {
  const transport = new RealtimeChatTransport({
    ...quick,
    api: `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}/chat`,
    apiBaseUrl: proxy.url,
    channel: (id) => pipeline({ runId: id }),
    topic: "draft",
    token: ({ channel }) => server.token(channel.replace("pipeline:", "")),
    body: { extra: "yes" },
  });
  return new Chat({ id, transport });
}

/** Returns the messages as `role: text`. */
function texts({ messages }: Chat<UIMessage>): string[] {
  return messages.map(({ role, parts }) => `${role}: ${parts.map((part) => (part.type === "text" ? part.text : "")).join("")}`);
}

test("a message is posted, and the reply grows as it is written", async () => {
  const own = chat("run_reply");
  write("Once upon a time there was a hub", { pauseMilliseconds: 250 });
  const sent = own.sendMessage({ text: "Tell me a story" });
  await until("the reply begins", () => texts(own)[1]?.startsWith("assistant: Once") === true);
  expect(own.status).toBe("streaming");
  await sent;
  expect(own.status).toBe("ready");
  expect(texts(own)).toEqual(["user: Tell me a story", "assistant: Once upon a time there was a hub"]);
  expect(posted).toMatchObject([{ id: "run_reply", trigger: "submit-message", extra: "yes", messages: [{ role: "user" }] }]);
});

test("the retained reply to an earlier message is not taken for the next one", async () => {
  const own = chat("run_second");
  write("First");
  await own.sendMessage({ text: "One" });
  write("Second");
  await own.sendMessage({ text: "Two" });
  expect(texts(own)).toEqual(["user: One", "assistant: First", "user: Two", "assistant: Second"]);
});

test("a reply continues after a lost connection, without a repeated or missing chunk", async () => {
  const own = chat("run_cut");
  const text = Array.from({ length: 60 }, (_, index) => `${index} `).join("");
  write(text, { piece: 3, pauseMilliseconds: 10 });
  const sent = own.sendMessage({ text: "Count" });
  for (const part of ["5 ", "20 ", "35 "]) {
    await until("a part has arrived", () => texts(own)[1]?.includes(part) === true);
    proxy.cut();
  }
  await sent;
  expect(texts(own)[1]).toBe(`assistant: ${text}`);
});

test.each([60, 100, 500])("a page that is opened again continues a reply with a chunk per %d ms, and no complete one", async (pauseMilliseconds) => {
  const run = `run_resume${pauseMilliseconds}`;
  const first = chat(run);
  // It takes at least four seconds to write, so the second page opens before its end.
  const text = "Once upon a time there was a hub. ".repeat(Math.ceil(4_000 / pauseMilliseconds / 9));
  write(text, { pauseMilliseconds });
  const sent = first.sendMessage({ text: "Tell me a story" });
  await until("the reply begins", () => texts(first).length === 2);
  const second = chat(run);
  await second.resumeStream();
  expect(texts(second)).toEqual([`assistant: ${text}`]);
  await sent;
  expect(second.status).toBe("ready");
  const third = chat(run);
  await third.resumeStream();
  const other = chat("run_other");
  await other.resumeStream();
  expect([third, other].map(texts)).toEqual([[], []]);
  expect([third.status, other.status]).toEqual(["ready", "ready"]);
});

test("a reply that fails and a refused request are errors of the chat", async () => {
  const failed = chat("run_failed");
  write("Once upon", { error: "no model" });
  await failed.sendMessage({ text: "Tell me a story" });
  expect(failed.status).toBe("error");
  expect(failed.error?.message).toContain("no model");
  expect(texts(failed)[1]).toBe("assistant: Once upon");

  const refused = chat("run_refused");
  answer = async () => ({ status: 402, body: { error: "no credit" } });
  await refused.sendMessage({ text: "Tell me a story" });
  expect(refused.error?.message).toMatch(/status 402.*no credit/u);
});

test("the reply of another run is skipped, and a run that ends without a reply ends the chat's reply", async () => {
  const own = chat("run_own");
  answer = async ({ id }) => {
    await server.draft(id, "Not this one");
    await server.review("run_silent", { on: id, patienceMilliseconds: 60_000 });
    return { status: 202, body: { runId: "run_silent" } };
  };
  const sent = own.sendMessage({ text: "Tell me a story" });
  await until("the run asks", async () => {
    const token = await createRealtime({ apiBaseUrl: server.url, signingKey: server.signingKey }).token(pipeline({ runId: "run_own" }), { signals: ["approve"] });
    const verdict = { verdict: "reject" } as const;
    return send(pipeline({ runId: "run_own" }).approve, verdict, { apiBaseUrl: server.url, token }).then(() => true, () => false);
  });
  await sent;
  expect(own.error?.message).toContain("it was rejected");
  expect(texts(own)).toEqual(["user: Tell me a story"]);
});

test("stopping a chat closes its subscription", async () => {
  const own = chat("run_stop");
  write("Once upon a time there was a hub", { pauseMilliseconds: 50 });
  const sent = own.sendMessage({ text: "Tell me a story" });
  await until("the reply begins", () => texts(own).length === 2);
  await own.stop();
  await sent;
  expect(own.status).toBe("ready");
  await until("it has disconnected", () => proxy.open === 0);
});
