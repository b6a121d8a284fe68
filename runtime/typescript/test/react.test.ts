// @vitest-environment jsdom
import { act, createElement, StrictMode } from "react";
import { createRoot } from "react-dom/client";
import type { Root } from "react-dom/client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { defineChannel, InvalidMessageError } from "../src/index.js";
import { useRealtime } from "../src/react.js";
import type { UseRealtimeOptions } from "../src/react.js";
import { pipeline, reviews } from "./pipeline.js";
import { TestServer, tokenFor, until } from "./server.js";

const channel = pipeline({ runId: "run_42" });
const token = tokenFor(channel.name, ["status", "tokens", "total"]);
type Options = UseRealtimeOptions<typeof channel>;

let server: TestServer;
let root: Root;
/** The results of each render, the latest last. */
let renders: ReturnType<typeof useRealtime<typeof channel>>[];

function Watcher({ options }: { options: Options }) {
  const speed = { reconnectMinMs: 5, reconnectMaxMs: 20 };
  renders.push(useRealtime({ channel, token, apiBaseUrl: server.url, WebSocket, ...speed, ...options }));
  return null;
}

function render(options: Options = {}): Promise<void> {
  return act(async () => {
    root.render(createElement(StrictMode, null, createElement(Watcher, { options })));
  });
}

function now() {
  const last = renders.at(-1);
  if (last === undefined) {
    throw new Error("nothing was rendered");
  }
  return last;
}

/** Renders until a condition is true. */
function see(holds: () => boolean): Promise<void> {
  return act(() => until(holds));
}

const isOpen = () => now().connectionStatus === "open";

function setVisibility(state: "visible" | "hidden"): Promise<void> {
  return act(async () => {
    Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  });
}

beforeEach(async () => {
  Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });
  server = await TestServer.start();
  renders = [];
  root = createRoot(document.createElement("div"));
});
afterEach(async () => {
  await act(async () => root.unmount());
  await server.stop();
});

describe("useRealtime in StrictMode", () => {
  it("connects once, shows messages, and disconnects at unmount", async () => {
    await render();
    expect(renders[0]?.connectionStatus).toBe("idle");
    await see(isOpen);
    expect(server.tokens.length).toBe(1);
    expect(now().runStatus).toBe("running");
    await act(async () => server.publish("status", { message: "one" }));
    await see(() => now().messages.last !== null);
    expect(now().messages.byTopic.status?.data.message).toBe("one");
    expect(now().messages.byTopic.tokens).toBeUndefined();
    await act(async () => root.unmount());
    await until(() => server.connections === 0);
    root = createRoot(document.createElement("div"));
  });

  it("calls the latest token factory, and does not reconnect if it changes", async () => {
    await render({ token: () => "never" });
    await render({ token: () => Promise.resolve({ key: tokenFor(channel.name, ["tokens"], 20) }) });
    await see(isOpen);
    await render({ token: async () => `${token}x` });
    server.cut();
    await see(() => server.tokens.length > 1 && isOpen());
    expect(server.tokens.at(-1)).toBe(`${token}x`);
    expect(server.tokens.length).toBe(2);
  });

  it("has every message of a batch in delta, and at most historyLimit in all", async () => {
    await render({ historyLimit: 3 });
    await see(isOpen);
    const before = renders.length;
    server.publish("tokens", "a", "b", "c", "d");
    await see(() => now().messages.last?.data === "d");
    expect(now().messages.delta.map(({ data }) => data)).toEqual(["a", "b", "c", "d"]);
    expect(now().messages.all.map(({ data }) => data)).toEqual(["b", "c", "d"]);
    // StrictMode renders twice.
    expect(renders.length - before).toBe(2);
  });

  it("has every message in one of the deltas, if a run event and the caught-up mark are among them", async () => {
    await render();
    await see(isOpen);
    const data = (id: string, text: string) => ({ kind: "data", topic: "tokens", id, data: text });
    const frames = [
      data("m1", "a"),
      { kind: "run", run_id: "run_42", data: { status: "running", attempt: 1 } },
      data("m2", "b"),
      { kind: "caught-up" },
      data("m3", "c"),
    ];
    server.log(...frames);
    await see(() => now().messages.last?.data === "c");
    const deltas = new Set(renders.map(({ messages }) => messages.delta));
    expect([...deltas].flat().map(({ data: text }) => text)).toEqual(["a", "b", "c"]);
    expect(now()).toMatchObject({ runStatus: "running", isCaughtUp: true, position: "m3" });
  });

  it("collects messages for bufferInterval", async () => {
    await render({ bufferInterval: 300 });
    await see(isOpen);
    const before = renders.length;
    server.publish("tokens", "a");
    server.publish("tokens", "b");
    await see(() => now().messages.last !== null);
    expect(now().messages.delta.map(({ data }) => data)).toEqual(["a", "b"]);
    expect(renders.length - before).toBe(2);
  });

  it("pauses while the page is hidden, and then receives the missed messages", async () => {
    await render();
    await see(isOpen);
    server.publish("tokens", "a");
    await see(() => now().messages.last !== null);
    await setVisibility("hidden");
    expect(now()).toMatchObject({ connectionStatus: "paused", isPaused: true, pauseReason: "hidden" });
    await until(() => server.connections === 0);
    server.publish("tokens", "b", "c");
    await setVisibility("visible");
    await see(() => now().messages.all.length === 3);
    expect(now().messages.all.map(({ data }) => data)).toEqual(["a", "b", "c"]);
    expect(now()).toMatchObject({ isPaused: false, pauseReason: null, gap: null });
  });

  it("is paused by enabled, idle without a channel, and starts again with a new key", async () => {
    await render({ enabled: false });
    expect(now()).toMatchObject({ connectionStatus: "paused", pauseReason: "disabled" });
    await render({ channel: undefined });
    expect(now().connectionStatus).toBe("idle");
    expect(server.tokens.length).toBe(0);
    await render({ resetKey: "1" });
    await see(isOpen);
    server.publish("tokens", "a");
    await see(() => now().messages.all.length === 1);
    await render({ resetKey: "2" });
    expect(now().messages.all).toEqual([]);
    await see(isOpen);
    server.publish("tokens", "b");
    await see(() => now().messages.all.length === 1);
    expect(now().messages.last?.data).toBe("b");
  });

  it("begins at `since`, and shows its position", async () => {
    server.publish("tokens", "a", "b");
    await render({ since: "start", historyLimit: 1 });
    await see(() => now().messages.last?.data === "b");
    const position = now().position ?? "";
    server.publish("tokens", "c");
    await see(() => now().messages.last?.data === "c");
    await render({ since: position, resetKey: "2" });
    await see(() => now().messages.all.length === 1);
    expect(now().messages.all.map(({ data }) => data)).toEqual(["c"]);
  });

  it("shows the text of a stream so far", async () => {
    const drafts = defineChannel({
      name: "pipeline",
      address: "pipeline:run_42",
      fingerprint: "9f2c",
      topics: { draft: { stream: "text" } },
    });
    const seen: (readonly [string, string])[] = [];
    function Drafts() {
      const options = { channel: drafts, token: tokenFor(drafts.name, ["draft"]), apiBaseUrl: server.url, WebSocket };
      const draft = useRealtime(options).messages.byTopic.draft;
      seen.push([draft?.status ?? "none", draft?.data ?? ""]);
      return null;
    }
    await act(async () => root.render(createElement(Drafts)));
    await see(() => server.subscriptions === 1);
    server.log({ kind: "datastream-start", topic: "draft", data: "s1" });
    for (const data of ["Once ", "upon"]) {
      server.log({ kind: "chunk", topic: "draft", stream_id: "s1", data });
    }
    await see(() => seen.at(-1)?.[1] === "Once upon");
    expect(seen.at(-1)?.[0]).toBe("streaming");
    server.log({ kind: "datastream-end", topic: "draft", data: "s1" });
    await see(() => seen.at(-1)?.[0] === "complete");
  });

  it("shows the run, and sends signals with the latest token by the same function at each render", async () => {
    const review = reviews({ runId: "run_42" });
    const shown: ReturnType<typeof useRealtime<typeof review>>[] = [];
    function Review({ token }: { token: string }) {
      const options = { channel: review, token: () => token, apiBaseUrl: server.url, WebSocket };
      shown.push(useRealtime(options));
      return null;
    }
    const granted = (expiresIn: number) => tokenFor(review.name, ["tokens"], expiresIn, ["approve"]);
    const render = (token: string) => act(async () => root.render(createElement(StrictMode, null, createElement(Review, { token }))));
    await render(granted(60));
    await see(() => shown.at(-1)?.connectionStatus === "open");
    server.run({ status: "running", attempt: 2, error: { message: "no network" } });
    await see(() => shown.at(-1)?.attempt === 2);
    expect(shown.at(-1)?.runError).toEqual({ message: "no network" });
    server.run({ status: "running", attempt: 2, waitingFor: ["approve"], questions: { approve: "q1" } });
    await see(() => shown.at(-1)?.waitingFor.includes("approve") === true);
    const latest = granted(90);
    await render(latest);
    const questionId = shown.at(-1)?.questionIds.approve;
    const receipt = await shown.at(-1)?.send(review.approve, { verdict: "approve" }, { questionId });
    expect(receipt).toMatchObject({ runId: "run_42" });
    expect(server.signals.map(({ headers }) => headers.authorization)).toEqual([`Bearer ${latest}`]);
    expect(server.signals[0]?.url).toMatch(/&question=q1$/);
    server.run({ status: "completed", result: { words: "1200" } });
    await see(() => shown.at(-1)?.runStatus === "completed");
    expect(shown.at(-1)).toMatchObject({ result: { words: 1200n }, runError: null, connectionStatus: "closed" });
    expect(shown.at(-1)).toMatchObject({ waitingFor: [], questionIds: {} });
    expect(new Set(shown.map(({ send }) => send)).size).toBeLessThanOrEqual(2);
    expect(new Set(shown.slice(2).map(({ send }) => send)).size).toBe(1);
  });

  it("shares one connection with all other components of the page", async () => {
    await act(async () => {
      root.render([1, 2, 3].map((key) => createElement(Watcher, { key, options: {} })));
    });
    await see(() => server.subscriptions === 3);
    expect(server.handshakes).toBe(1);
  });

  it("shows invalid messages, failures and gaps, until reset", async () => {
    await render({ token: () => { throw new Error("no session"); } });
    await see(() => now().error !== null);
    expect(now().error?.message).toMatch(/no session/);
    expect(now().connectionStatus).toBe("connecting");
    await render();
    await see(isOpen);
    expect(now().error).toBeNull();
    server.publish("status", { message: "" });
    await see(() => now().error !== null);
    expect(now().error).toBeInstanceOf(InvalidMessageError);
    server.cut();
    server.publish("tokens", "a");
    server.forget();
    server.publish("tokens", "b");
    await see(() => now().messages.last?.data === "b");
    expect(now().gap).toMatchObject({ channel: channel.name });
    await act(async () => now().reset());
    expect(now()).toMatchObject({ error: null, gap: null, messages: { all: [], byTopic: {} } });
    expect(now().connectionStatus).toBe("open");
  });

  it.each([
    ["resetKey", true],
    ["topics", false],
  ] as const)("keeps its subscription if %s is drawn at random, in StrictMode: %s", async (option, isStrict) => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    let draws = 0;
    function Impure({ runId, count }: { runId: string; count: number }) {
      draws += 1;
      const drawn = { resetKey: String(draws), topics: draws % 2 === 0 ? ["tokens"] : ["tokens", "status"] };
      const token = () => tokenFor(`pipeline:${runId}`, ["tokens", "status"]);
      const basics = { channel: `pipeline:${runId}`, token, apiBaseUrl: server.url, WebSocket, historyLimit: count };
      renders.push(useRealtime({ ...basics, [option]: drawn[option] }) as unknown as (typeof renders)[number]);
      return null;
    }
    const render = (runId: string, count: number) => {
      const element = createElement(Impure, { runId, count });
      return act(async () => root.render(isStrict ? createElement(StrictMode, null, element) : element));
    };
    await render("run_42", 10);
    await see(isOpen);
    for (const count of [11, 12, 13]) {
      server.publish("tokens", String(count));
      await render("run_42", count);
    }
    await see(() => now().messages.all.length === 3);
    expect(server.tokens.length).toBe(1);
    expect(warn.mock.calls).toEqual([[expect.stringContaining(`received a different \`${option}\` at each render`)]]);
    // A change with a reason still counts.
    await render("run_43", 10);
    await see(() => server.tokens.length === 2);
    expect(now().messages.all).toEqual([]);
    warn.mockRestore();
  });

  it("shows a drift until both definitions are the same again", async () => {
    server.fingerprint = "new";
    await render();
    expect(now().drift).toBeNull();
    await see(isOpen);
    expect(now().drift).toEqual({ channel: channel.name, kind: "unknown", outdated: "unknown", changes: [], expected: "9f2c", received: "new" });
    await act(async () => now().reset());
    expect(now().drift).not.toBeNull();
    server.fingerprint = "9f2c";
    server.cut();
    await see(() => isOpen() && now().drift === null);
  });

  it("disconnects once the run has ended, with its result", async () => {
    await render();
    await see(isOpen);
    server.publish("tokens", "a");
    const data = { status: "completed", result: { words: 1200 } };
    server.run(data);
    await see(() => now().runStatus === "completed");
    expect(now()).toMatchObject({ connectionStatus: "closed", result: { words: 1200 } });
    expect(now().messages.all.map(({ data }) => data)).toEqual(["a"]);
    await until(() => server.connections === 0);
    await setVisibility("hidden");
    await setVisibility("visible");
    expect(now().connectionStatus).toBe("closed");
  });
});
