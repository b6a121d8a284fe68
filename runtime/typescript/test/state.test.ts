import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { ConnectionError, RealtimeStore, subscribe } from "../src/index.js";
import type { StateRequest, StateSnapshot } from "../src/index.js";
import { pipeline } from "./pipeline.js";
import { TestServer, tokenFor, until } from "./server.js";
import { setTiming } from "./support.js";

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

/** A subscription that records what it receives, and a `state` function that records its calls. */
function recording(load: (request: StateRequest) => StateSnapshot<string> | Promise<StateSnapshot<string>>) {
  const received: string[] = [];
  const requests: StateRequest[] = [];
  const options = {
    ...basics(),
    state: (request: StateRequest) => {
      requests.push(request);
      return load(request);
    },
    onState: (state: string) => void received.push(`state ${state}`),
    onMessage: (message: { readonly data: unknown }) => void received.push(String(message.data)),
    onGap: () => void received.push("gap"),
  };
  return { received, requests, options };
}

/** The current state of a channel whose messages are added up: their number. */
const count = () => ({ position: server.position, state: String(Number.parseInt(server.position.split("-")[1] ?? "", 36)) });

it("the state comes first, then every message after its position", async () => {
  server.publish("tokens", "1", "2");
  const { received, requests, options } = recording(() => {
    const snapshot = count();
    // After the state was read, and before the subscription begins.
    server.publish("tokens", "3");
    return snapshot;
  });
  const subscription = await subscribe(options);
  server.publish("tokens", "4");
  await until(() => received.length === 3);
  expect(received).toEqual(["state 2", "3", "4"]);
  expect(requests).toMatchObject([{ channel: channel.name, gap: undefined }]);
  expect(subscription.position).toBe(server.position);
  subscription.close();
});

it("a gap leads to a new state, and messages before it do not follow", async () => {
  const { received, requests, options } = recording(count);
  const subscription = await subscribe(options);
  server.publish("tokens", "1");
  await until(() => received.length === 2);
  const before = server.position;
  server.cut();
  server.publish("tokens", "2", "3");
  server.forget();
  server.publish("tokens", "4");
  await until(() => received.length === 3);
  server.publish("tokens", "5");
  await until(() => received.length === 4);
  expect(received).toEqual(["state 0", "1", "state 4", "5"]);
  expect(requests[1]?.gap).toMatchObject({ channel: channel.name, after: before });
  expect(Object.keys(requests[1]?.gap ?? {})).toEqual(["channel", "after", "before"]);
  expect(subscription.gap).toBeNull();
  // A lost connection alone needs no state.
  server.cut();
  server.publish("tokens", "6");
  await until(() => received.length === 5);
  expect(requests).toHaveLength(2);
  subscription.close();
});

it("messages of another epoch with smaller ids follow a new state", async () => {
  server.publish("tokens", "1", "2", "3");
  const { received, options } = recording(count);
  const subscription = await subscribe({ ...options, reconnectMinMs: 50, reconnectMaxMs: 50 });
  server.publish("tokens", "4");
  await until(() => received.length === 2);
  server.send({ kind: "gap", channel: channel.name, after: server.position, before: "000000000-000000001" });
  await until(() => received.length === 3);
  server.publish("tokens", "5");
  await until(() => received.length === 4);
  expect(received).toEqual(["state 3", "4", "state 4", "5"]);
  subscription.close();
});

it("while a state is loaded, gaps and frames of the old subscription have no effect", async () => {
  let finish: (() => void) | undefined;
  const { received, requests, options } = recording(async () => {
    if (requests.length > 1) {
      await new Promise<void>((resolve) => (finish = resolve));
    }
    return count();
  });
  const subscription = await subscribe(options);
  const gap = { kind: "gap", channel: channel.name, after: server.position, before: server.position };
  server.send(gap);
  server.send(gap);
  server.publish("tokens", "1");
  await until(() => finish !== undefined);
  expect(requests).toHaveLength(2);
  expect(subscription.connectionStatus).toBe("connecting");
  server.publish("tokens", "2");
  finish?.();
  await until(() => received.length === 2);
  server.publish("tokens", "3");
  await until(() => received.length === 3);
  expect(received).toEqual(["state 0", "state 2", "3"]);
  expect(requests).toHaveLength(2);
  expect(server.subscriptions).toBe(1);
  subscription.close();
});

it("a `state` function that fails is called again, and the error is reported", async () => {
  const errors: Error[] = [];
  const answers = [
    () => Promise.reject(new Error("503")),
    () => ({}) as StateSnapshot<string>,
    () => undefined as unknown as StateSnapshot<string>,
    count,
  ];
  const { received, options } = recording(() => (answers.shift() ?? count)());
  const subscription = await subscribe({ ...options, onError: (error) => void errors.push(error) });
  await until(() => received.length === 1);
  const nothing = "The `state` function returned no position: return `{ position, state }`";
  expect(errors.map(({ message }) => message)).toEqual(["The `state` function failed: 503", nothing, nothing]);
  expect(errors.every((error) => error instanceof ConnectionError && !error.fatal)).toBe(true);
  subscription.close();
});

it("a `state` function that takes too long is aborted and called again", async () => {
  setTiming({ functionTimeout: 30 });
  const { received, requests, options } = recording(() => (requests.length === 1 ? new Promise(() => {}) : count()));
  const errors: string[] = [];
  const subscription = await subscribe({ ...options, onError: ({ message }) => void errors.push(message) });
  await until(() => received.length === 1);
  expect(errors).toEqual(["The `state` function failed: it did not settle within 0.03 seconds"]);
  expect(requests.map(({ abortSignal }) => abortSignal.aborted)).toEqual([true, false]);
  subscription.close();
  expect(requests[1]?.abortSignal.aborted).toBe(false);
});

it.each(["close", "abort"] as const)("%s aborts a state that is being loaded", async (end) => {
  const abort = new AbortController();
  const { requests, options } = recording(() => new Promise(() => {}));
  const subscribing = subscribe({ ...options, abortSignal: abort.signal }).catch((error: unknown) => error);
  const store = new RealtimeStore({ ...basics(), state: options.state });
  if (end === "close") {
    store.start();
  }
  await until(() => requests.length === (end === "close" ? 2 : 1));
  abort.abort(new Error("enough"));
  store.stop();
  expect(requests.every(({ abortSignal }) => abortSignal.aborted)).toBe(true);
  expect(await subscribing).toEqual(new Error("enough"));
});

it("a position that is too old when it arrives leads to another state, and from the third on to an error", async () => {
  let late = 5;
  const errors: ConnectionError[] = [];
  const { received, requests, options } = recording(() => {
    const snapshot = count();
    if (late > 0) {
      late -= 1;
      server.publish("tokens", "x");
      server.forget();
    }
    return snapshot;
  });
  const onError = (error: Error) => void (error instanceof ConnectionError && errors.push(error));
  const subscription = await subscribe({ ...options, onError });
  await until(() => received.length === 6 && subscription.connectionStatus === "open");
  server.publish("tokens", "y");
  await until(() => received.length === 7);
  expect(received).toEqual(["state 0", "state 1", "state 2", "state 3", "state 4", "state 5", "y"]);
  expect(errors).toMatchObject([3, 4, 5].map(() => ({ code: "stale_state", fatal: false })));
  expect(errors[0]?.message).toMatch(/^The last 3 states of the channel "pipeline:run_42" were too old: .* or keep more history$/u);
  // Once it has caught up, it counts again.
  late = 2;
  server.send({ kind: "gap", channel: channel.name, after: server.position, before: server.position });
  await until(() => requests.length === 9 && subscription.connectionStatus === "open");
  expect(errors).toHaveLength(3);
  subscription.close();
});

it("a store shows the state with the messages applied, and its lists begin again at each state", async () => {
  const store = new RealtimeStore({
    ...basics(),
    topics: ["tokens"],
    historyLimit: 2,
    state: (): StateSnapshot<readonly string[]> => ({ position: server.position, state: [server.position.slice(-1)] }),
    reduce: (state, { data }) => [...state, data],
  });
  expect(store.getSnapshot().state).toBeUndefined();
  store.start();
  await until(() => store.getSnapshot().connectionStatus === "open");
  server.publish("tokens", "a", "b", "c");
  await until(() => store.getSnapshot().messages.all.length === 2);
  expect(store.getSnapshot().state).toEqual(["0", "a", "b", "c"]);
  store.reset();
  expect(store.getSnapshot().state).toEqual(["0", "a", "b", "c"]);
  server.publish("tokens", "d");
  await until(() => store.getSnapshot().messages.all.length === 1);
  server.cut();
  server.publish("tokens", "e");
  server.forget();
  await until(() => store.getSnapshot().state?.length === 1);
  expect(store.getSnapshot()).toMatchObject({ state: ["5"], messages: { all: [], last: null }, gap: null, position: server.position });
  server.publish("tokens", "f");
  await until(() => store.getSnapshot().messages.all.length === 1);
  expect(store.getSnapshot().state).toEqual(["5", "f"]);
  store.stop();
});

it("a store that resumes keeps its state, and calls the latest functions", async () => {
  const load = (name: string) => () => ({ position: server.position, state: name });
  const store = new RealtimeStore({ ...basics(), state: load("first"), reduce: (state: string) => `${state}.` });
  store.start();
  await until(() => store.getSnapshot().state === "first");
  store.stop();
  server.publish("tokens", "a");
  store.start();
  await until(() => store.getSnapshot().state === "first.");
  store.configure({ state: load("second"), reduce: (state: string) => `${state}!` });
  server.publish("tokens", "b");
  await until(() => store.getSnapshot().state === "first.!");
  server.cut();
  server.publish("tokens", "c");
  server.forget();
  await until(() => store.getSnapshot().state === "second");
  // Without the function, gaps are reported again.
  store.configure({ state: undefined });
  await until(() => store.getSnapshot().connectionStatus === "open");
  server.cut();
  server.publish("tokens", "d");
  server.forget();
  await until(() => store.getSnapshot().gap !== null);
  store.configure({ state: load("third") });
  await until(() => store.getSnapshot().state === "third");
  store.stop();
});

it("a `reduce` that throws skips the message, and the error is reported as uncaught", async () => {
  const reportError = vi.fn();
  vi.stubGlobal("reportError", reportError);
  const store = new RealtimeStore({
    ...basics(),
    state: () => ({ position: server.position, state: "" }),
    reduce: (state: string, { data }) => {
      if (data === "b") throw new Error("thrown on purpose");
      return state + String(data);
    },
  });
  store.start();
  await until(() => store.getSnapshot().connectionStatus === "open");
  server.publish("tokens", "a", "b", "c");
  await until(() => store.getSnapshot().state === "ac");
  expect(store.getSnapshot().messages.all).toHaveLength(3);
  expect(reportError).toHaveBeenCalledTimes(1);
  vi.unstubAllGlobals();
  store.stop();
});

it("a text stream that was open at a gap ends as incomplete, before the new state", async () => {
  const { received, options } = recording(count);
  const subscription = await subscribe({
    ...options,
    channel: channel.name,
    onMessage: async ({ data }) => {
      const reader = (data as ReadableStream<string>).getReader();
      received.push(await reader.read().then(({ value }) => value ?? ""));
      received.push(await reader.read().then(() => "more", ({ reason }: { reason: string }) => reason));
    },
  });
  server.log({ kind: "datastream-start", topic: "draft", data: "s1" }, { kind: "chunk", topic: "draft", stream_id: "s1", data: "Once" });
  await until(() => received.length === 2);
  server.cut();
  server.publish("tokens", "1");
  server.forget();
  await until(() => received.length === 4);
  expect(received).toEqual(["state 0", "Once", "gap", "state 3"]);
  subscription.close();
});
