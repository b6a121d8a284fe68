// @vitest-environment jsdom
import { act, createElement } from "react";
import type { ReactNode } from "react";
import { createRoot } from "react-dom/client";
import type { Root } from "react-dom/client";
import { afterEach, beforeEach, expect, it } from "vitest";
import { WebSocket } from "ws";
import type { TokenRequest } from "../src/index.js";
import { RealtimeProvider, useRealtime, useTopic } from "../src/react.js";
import type { RealtimeDefaults } from "../src/react.js";
import { pipeline, reviews } from "./pipeline.js";
import { TestServer, tokenFor, until } from "./server.js";

const channel = pipeline({ runId: "run_42" });
const token = tokenFor(channel.name, ["status", "tokens", "total"]);

let server: TestServer;
let root: Root;

beforeEach(async () => {
  Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });
  server = await TestServer.start();
  root = createRoot(document.createElement("div"));
});
afterEach(async () => {
  await act(async () => root.unmount());
  await server.stop();
});

/** Renders inside a provider. */
function render(child: ReactNode, defaults: RealtimeDefaults = {}): Promise<void> {
  const basics = { apiBaseUrl: server.url, WebSocket, token, reconnectMinMs: 5, reconnectMaxMs: 20 };
  return act(async () => root.render(createElement(RealtimeProvider, { ...basics, ...defaults }, child)));
}

function see(holds: () => boolean): Promise<void> {
  return act(() => until(holds));
}

it("hooks have the options of their provider, and pass the channel to its token function", async () => {
  const requests: TokenRequest[] = [];
  const shown: ReturnType<typeof useRealtime<typeof channel, readonly ["tokens"]>>[] = [];
  function Watcher() {
    shown.push(useRealtime({ channel, topics: ["tokens"], historyLimit: undefined, apiBaseUrl: undefined }));
    return null;
  }
  const answer = (request: TokenRequest) => {
    requests.push(request);
    return token;
  };
  await render(createElement(Watcher), { token: answer, historyLimit: 2 });
  await see(() => shown.at(-1)?.connectionStatus === "open");
  expect(requests).toEqual([{ channel: channel.name, topics: ["tokens"] }]);
  server.publish("tokens", "a", "b", "c");
  await see(() => shown.at(-1)?.messages.last?.data === "c");
  expect(shown.at(-1)?.messages.all.map(({ data }) => data)).toEqual(["b", "c"]);
});

it("an option of a hook wins, and so does the nearer provider", async () => {
  const tokens = ["outer", "inner", "own"].map((name) => `${token}${name}`);
  function Watcher({ own }: { own?: string | undefined }) {
    useRealtime({ channel, token: own });
    return null;
  }
  const inner = createElement(RealtimeProvider, { token: tokens[1] }, createElement(Watcher), createElement(Watcher, { own: tokens[2] }));
  await render([createElement(Watcher, { key: 1 }), createElement("p", { key: 2 }, inner)], { token: tokens[0] });
  await see(() => server.subscriptions === 3);
  expect([...server.tokens].sort()).toEqual([...tokens].sort());
});

it("a provider that renders again with the same options renders no hook below it", async () => {
  let renders = 0;
  function Watcher() {
    renders += 1;
    useRealtime({ channel });
    return null;
  }
  const child = createElement(Watcher);
  await render(child);
  await see(() => server.subscriptions === 1);
  const before = renders;
  await render(child);
  expect(renders).toBe(before);
  await render(child, { token: `${token}x` });
  await see(() => server.tokens.length === 2 && server.subscriptions === 1);
  expect(renders).toBeGreaterThan(before);
});

it("an option that changes the connection subscribes again, and resumes without loss", async () => {
  const shown: ReturnType<typeof useRealtime<typeof channel>>[] = [];
  function Watcher() {
    shown.push(useRealtime({ channel }));
    return null;
  }
  const child = createElement(Watcher);
  await render(child);
  await see(() => shown.at(-1)?.connectionStatus === "open");
  server.publish("tokens", "a");
  await see(() => shown.at(-1)?.messages.all.length === 1);
  await render(child, { transport: "sse" });
  server.publish("tokens", "b");
  await see(() => shown.at(-1)?.messages.all.length === 2 && server.streams === 1);
  expect(shown.at(-1)?.messages.all.map(({ data }) => data)).toEqual(["a", "b"]);
  expect(shown.map(({ connectionStatus }) => connectionStatus)).not.toContain("closed");
});

it("useTopic has the latest value of one topic, its messages, and the rest of the hook", async () => {
  const shown: ReturnType<typeof useTopic<typeof channel, "status">>[] = [];
  function Status({ isReady }: { isReady: boolean }) {
    shown.push(useTopic({ channel: isReady ? channel : undefined, topic: "status" }));
    return null;
  }
  await render(createElement(Status, { isReady: false }));
  expect(shown.at(-1)).toMatchObject({ connectionStatus: "idle", message: null, messages: [] });
  expect(shown.at(-1)?.data).toBeUndefined();
  await render(createElement(Status, { isReady: true }));
  await see(() => shown.at(-1)?.connectionStatus === "open");
  server.publish("tokens", "not this one");
  server.publish("status", { message: "one" }, { message: "two", progress: 5 });
  await see(() => shown.at(-1)?.data?.progress === 5);
  expect(shown.at(-1)?.message).toMatchObject({ topic: "status", kind: "data", data: { message: "two" } });
  expect(shown.at(-1)?.messages.map(({ data }) => data.message)).toEqual(["one", "two"]);
});

it("useTopic sends signals, and shows the run", async () => {
  const review = reviews({ runId: "run_42" });
  const shown: ReturnType<typeof useTopic<typeof review, "tokens">>[] = [];
  function Review() {
    shown.push(useTopic({ channel: review, topic: "tokens", token: tokenFor(review.name, ["tokens"], 60, ["approve"]) }));
    return null;
  }
  await render(createElement(Review));
  await see(() => shown.at(-1)?.connectionStatus === "open");
  server.run({ status: "running", waitingFor: ["approve"], questions: { approve: "q1" } });
  await see(() => shown.at(-1)?.waitingFor.includes("approve") === true);
  await shown.at(-1)?.send(review.approve, { verdict: "approve" });
  expect(server.signals).toHaveLength(1);
});
