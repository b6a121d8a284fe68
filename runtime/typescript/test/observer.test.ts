import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { defineChannel, RealtimeObserver, RealtimeStore } from "../src/index.js";
import type { TokenRequest } from "../src/index.js";
import { pipeline, reviews } from "./pipeline.js";
import { TestServer, tokenFor, until } from "./server.js";

const channel = pipeline({ runId: "run_42" });
const token = tokenFor(channel.name, ["status", "tokens", "total"]);

let server: TestServer;

beforeEach(async () => {
  server = await TestServer.start();
});
afterEach(() => server.stop());

function basics() {
  return { channel, token, apiBaseUrl: server.url, WebSocket, reconnectMinMs: 5, reconnectMaxMs: 20 };
}

it("the list of a topic is not displaced by other topics, and keeps its identity while they change", async () => {
  const store = new RealtimeStore({ ...basics(), historyLimit: 3 });
  store.start();
  await until(() => store.getSnapshot().connectionStatus === "open");
  server.publish("status", { message: "one" }, { message: "two" });
  await until(() => store.getSnapshot().messages.all.length === 2);
  const before = store.getSnapshot().messages.allByTopic.status;
  server.publish("tokens", "a", "b", "c", "d");
  await until(() => store.getSnapshot().messages.last?.data === "d");
  const { messages } = store.getSnapshot();
  expect(messages.all.map(({ data }) => data)).toEqual(["b", "c", "d"]);
  expect(messages.allByTopic.tokens?.map(({ data }) => data)).toEqual(["b", "c", "d"]);
  expect(messages.allByTopic.status?.map(({ data }) => data.message)).toEqual(["one", "two"]);
  expect(messages.allByTopic.status).toBe(before);
  expect(messages.allByTopic.total).toBeUndefined();
  store.reset();
  expect(store.getSnapshot().messages.allByTopic).toEqual({});
  store.stop();
});

it("topics with the names of an object's own members have lists, and a growing text keeps its place", async () => {
  const odd = defineChannel({
    name: "odd",
    address: "pipeline:run_42",
    fingerprint: "9f2c",
    topics: { constructor: { stream: "text" }, toString: { stream: "text" } },
  });
  const store = new RealtimeStore({ ...basics(), channel: odd });
  store.start();
  await until(() => store.getSnapshot().connectionStatus === "open");
  server.log({ kind: "datastream-start", topic: "constructor", data: "s1" });
  await until(() => store.getSnapshot().messages.all.length === 1);
  server.log({ kind: "datastream-start", topic: "constructor", data: "s2" }, { kind: "datastream-start", topic: "toString", data: "s3" });
  server.log({ kind: "chunk", topic: "constructor", stream_id: "s1", data: "Once" });
  await until(() => store.getSnapshot().messages.allByTopic.constructor?.[0]?.data === "Once");
  expect(store.getSnapshot().messages.allByTopic.constructor?.map(({ data }) => data)).toEqual(["Once", ""]);
  expect(store.getSnapshot().messages.allByTopic.toString).toHaveLength(1);
  store.stop();
});

it("an observer follows its options: settings keep the messages, another channel drops them", async () => {
  const observer = new RealtimeObserver(basics());
  let changes = 0;
  observer.subscribe(() => (changes += 1));
  expect(server.handshakes).toBe(0);
  observer.start();
  await until(() => observer.getSnapshot().connectionStatus === "open");
  server.publish("tokens", "a");
  await until(() => observer.getSnapshot().messages.all.length === 1);
  observer.setOptions({ ...basics(), enabled: false });
  expect(observer.getSnapshot()).toMatchObject({ connectionStatus: "paused", pauseReason: "disabled" });
  // An option that is left out has its default again.
  observer.setOptions(basics());
  await until(() => observer.getSnapshot().connectionStatus === "open");
  expect(observer.getSnapshot().messages.all).toHaveLength(1);
  const before = changes;
  observer.setOptions({ ...basics(), resetKey: "2" });
  expect(changes).toBeGreaterThan(before);
  expect(observer.getSnapshot().messages.all).toEqual([]);
  await until(() => observer.getSnapshot().connectionStatus === "open");
  server.publish("tokens", "b");
  await until(() => observer.getSnapshot().messages.last?.data === "b");
  await until(() => server.subscriptions === 1);
  observer.stop();
  await until(() => server.subscriptions === 0);
  expect(observer.getSnapshot().connectionStatus).toBe("closed");
});

it("a token function receives the channel, and the topics or the signal", async () => {
  const review = reviews({ runId: "run_42" });
  const requests: TokenRequest[] = [];
  const token = (request: TokenRequest) => {
    requests.push(request);
    return tokenFor(review.name, ["tokens"], 60, ["approve"]);
  };
  const store = new RealtimeStore({ ...basics(), channel: review, topics: ["tokens"], token });
  store.start();
  await until(() => store.getSnapshot().connectionStatus === "open");
  await store.send(review.approve, { verdict: "approve" });
  expect(requests).toEqual([
    { channel: review.name, topics: ["tokens"] },
    { channel: review.name, signal: "approve" },
  ]);
  store.stop();
});

it("a listener that throws does not keep the others from being called", async () => {
  const reported = vi.fn();
  vi.stubGlobal("reportError", reported);
  const observer = new RealtimeObserver(basics());
  const statuses: string[] = [];
  observer.subscribe(() => {
    throw new Error("thrown on purpose");
  });
  observer.subscribe(() => statuses.push(observer.getSnapshot().connectionStatus));
  observer.start();
  await until(() => statuses.includes("open"));
  observer.stop();
  vi.unstubAllGlobals();
  expect(reported).toHaveBeenCalledWith(expect.objectContaining({ message: "thrown on purpose" }));
});

it("the channel and topics may come with the token", async () => {
  const observer = new RealtimeObserver({ ...basics(), channel: undefined, token: { key: token, channel, topics: ["tokens"] } });
  observer.start();
  await until(() => server.subscriptions === 1);
  server.publish("tokens", "a");
  await until(() => observer.getSnapshot().messages.last !== null);
  observer.stop();
});
