import * as ws from "ws";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Listener, listen } from "./support/listen.js";
import { Proxy } from "./support/proxy.js";
import { Server } from "./support/server.js";
import { pause, range, until } from "./support/wait.js";

/** The length of the channel's history. */
const HISTORY = 1000;

let server: Server;

beforeAll(async () => {
  server = await Server.start();
});

afterAll(() => server.stop());

test("after 15 lost connections, no message is lost, repeated or out of order", async () => {
  const proxy = await Proxy.start(server.url);
  const token = () => server.token("run_cut");
  const listener = await listen("run_cut", { token, apiBaseUrl: proxy.url });
  const publishing = server.statuses("run_cut", { count: 2000, size: 300, pauseMilliseconds: 1 });
  for (const cut of range(1, 16)) {
    const seen = listener.indexes.length;
    // On a slow machine, all messages may arrive before the last cut.
    const expected = Math.min(seen + 20 * (cut % 4), 1999);
    const isOpen = () => proxy.connections === cut && listener.connectionStatus === "open";
    await until("it continues", () => isOpen() && listener.indexes.length > expected);
    proxy.cut();
  }
  await publishing;
  await until("all have come", () => proxy.connections === 16 && listener.indexes.length >= 2000);
  await pause(50);
  expect(listener.indexes).toEqual(range(0, 2000));
  expect(listener.gaps).toEqual([]);
  expect(proxy.connections).toBe(16);
  listener.close();
  proxy.stop();
});

test("a connection that is lost during a replay resumes where it stopped", async () => {
  const proxy = await Proxy.start(server.url);
  await server.tokens("run_catch", { count: HISTORY - 1, size: 5000 });
  await server.status("run_catch", "retained");
  const cutAt = new Set([1, 30, 31, 250, 251, 600, 900]);
  const listener = await listen("run_catch", {
    token: () => server.token("run_catch"),
    apiBaseUrl: proxy.url,
    onMessage: () => {
      if (cutAt.delete(listener?.messages.length ?? 0)) {
        proxy.cut();
      }
    },
  });
  await until("the status has come", () => listener.messages.some(({ topic }) => topic === "status"));
  await server.tokens("run_catch", { from: HISTORY - 1, count: 5 });
  await until("the new ones have come", () => listener.indexes.includes(HISTORY + 3));
  expect(listener.indexes).toEqual(range(0, HISTORY + 4));
  expect(listener.messages).toHaveLength(HISTORY + 5);
  expect(listener.gaps).toEqual([]);
  listener.close();
  proxy.stop();
});

test("a network that silently drops everything is noticed, and no message is lost", async () => {
  const pinging = await Server.start({ pingMilliseconds: 200 });
  const proxy = await Proxy.start(pinging.url);
  const token = () => pinging.token("run_swallowed");
  const listener = await listen("run_swallowed", { token, apiBaseUrl: proxy.url });
  await pinging.statuses("run_swallowed", { count: 300, pauseMilliseconds: 1 });
  await until("the first have come", () => listener.indexes.length === 300);
  // A quiet channel keeps its connection.
  await pause(1000);
  expect(proxy.connections).toBe(1);
  proxy.swallow();
  await pinging.statuses("run_swallowed", { from: 300, count: 100 });
  await until("the rest has come", () => listener.indexes.length >= 400);
  expect(listener.indexes).toEqual(range(0, 400));
  expect(listener.gaps).toEqual([]);
  expect(proxy.connections).toBe(2);
  listener.close();
  proxy.stop();
  await pinging.stop();
});

test("a client that reconnects too late receives one gap at the right place", async () => {
  const proxy = await Proxy.start(server.url);
  const token = () => server.token("run_late");
  const listener = await listen("run_late", { token, apiBaseUrl: proxy.url });
  await server.statuses("run_late", { count: 10 });
  await until("the first have come", () => listener.indexes.length === 10);
  proxy.down();
  await server.statuses("run_late", { from: 10, count: HISTORY + 500 });
  proxy.up();
  await until("the last has come", () => listener.indexes.includes(HISTORY + 509));
  proxy.cut();
  await server.statuses("run_late", { from: HISTORY + 510, count: 1 });
  await until("one more has come", () => listener.indexes.includes(HISTORY + 510));

  expect(listener.indexes).toEqual([...range(0, 10), ...range(510, HISTORY + 511)]);
  expect(listener.gaps).toEqual([
    { channel: "pipeline:run_late", after: listener.log[9], before: listener.log[11] },
  ]);
  expect(listener.log.indexOf("gap")).toBe(10);
  expect(listener.gap).toEqual(listener.gaps[0]);
  listener.close();
  proxy.stop();
});

test("a client that missed only messages of other topics receives no gap", async () => {
  const proxy = await Proxy.start(server.url);
  const grant = ["summary", "status"].map((name) => ({ channel: "pipeline:run_quiet", name, kind: "run" }));
  const token = async () => ((await (await server.mint(grant)).json()) as { jwt: string }).jwt;
  const listener = await listen("run_quiet", { topics: ["summary", "status"], token, apiBaseUrl: proxy.url });
  await server.status("run_quiet", "before");
  await until("it has come", () => listener.messages.length === 1);
  proxy.down();
  await server.tokens("run_quiet", { count: HISTORY + 500 });
  proxy.up();
  await server.status("run_quiet", "after");
  await until("the next has come", () => listener.messages.length === 2);
  expect(listener.gaps).toEqual([]);
  listener.close();
  proxy.stop();
});

test("after its server is killed and restarted, a client receives a gap and continues", async () => {
  const first = await Server.start();
  const proxy = await Proxy.start(first.url);
  let current = first;
  const token = () => current.token("run_killed");
  const listener = await listen("run_killed", { token, apiBaseUrl: proxy.url });
  await first.tokens("run_killed", { count: 20 });
  await until("all have come", () => listener.indexes.length === 20);
  await first.kill();
  current = await Server.start();
  await current.status("run_killed", "restarted");
  proxy.up(current.url);
  await until("it is connected again", () => listener.messages.length === 21);
  await current.tokens("run_killed", { from: 20, count: 20 });
  await until("the new ones have come", () => listener.indexes.length === 40);

  expect(listener.indexes).toEqual(range(0, 40));
  expect(listener.gaps).toHaveLength(1);
  expect(listener.log.indexOf("gap")).toBe(20);
  expect(listener.gaps[0]).toMatchObject({ after: listener.log[19], before: listener.log[21] });
  const ids = listener.messages.map(({ id }) => id);
  expect(ids).toEqual([...new Set(ids)].sort());
  listener.close();
  proxy.stop();
  await current.stop();
});

test("a client that moves to a server with an older log receives a gap and all messages of that server", async () => {
  const older = await Server.start();
  await older.tokens("run_moved", { count: 2 });
  const newer = await Server.start();
  const proxy = await Proxy.start(newer.url);
  const listener = await listen("run_moved", { token: await newer.token("run_moved"), apiBaseUrl: proxy.url });
  await newer.tokens("run_moved", { from: 100, count: 5 });
  await until("the first have come", () => listener.indexes.length === 5);
  proxy.down();
  proxy.up(older.url);
  await until("it is connected again", () => listener.connectionStatus === "open" && proxy.connections === 2);
  await older.tokens("run_moved", { from: 2, count: 3 });
  await until("the last has come", () => listener.indexes.at(-1) === 4);
  expect(listener.indexes).toEqual([...range(100, 105), ...range(0, 5)]);
  expect(listener.gaps).toHaveLength(1);
  expect(listener.log.indexOf("gap")).toBe(5);
  // From there, it resumes without another gap.
  proxy.cut();
  await older.tokens("run_moved", { from: 5, count: 1 });
  await until("the next has come", () => listener.indexes.at(-1) === 5);
  expect(listener.indexes).toHaveLength(11);
  expect(listener.gaps).toHaveLength(1);
  listener.close();
  proxy.stop();
  await older.stop();
  await newer.stop();
});

test("a server that shuts down delivers all accepted messages, even to slow subscribers", async () => {
  const stopping = await Server.start();
  const proxy = await Proxy.start(stopping.url);
  const { WebSocket, sockets } = pausable();
  const token = await stopping.token("run_stop");
  const options = { token, apiBaseUrl: proxy.url, WebSocket };
  const listeners = await Promise.all(range(0, 2).map(() => listen("run_stop", options)));
  sockets.forEach((socket) => socket.pause());
  await stopping.statuses("run_stop", { count: HISTORY, size: 25_000 });
  const stopped = stopping.shutdown();
  sockets.forEach((socket) => socket.resume());
  await stopped;
  const next = await Server.start();
  proxy.up(next.url);
  await until("all are connected again", () => listeners.every(({ connectionStatus }) => connectionStatus === "open"));
  await next.statuses("run_stop", { from: HISTORY, count: 1 });
  await until("the last has come", () => listeners.every(({ indexes }) => indexes.includes(HISTORY)));
  for (const listener of listeners) {
    expect(listener.indexes).toEqual(range(0, HISTORY + 1));
    // The new server cannot know that no message is missing.
    expect(listener.gaps).toHaveLength(1);
    listener.close();
  }
  proxy.stop();
  await next.stop();
});

test("a reader that is slower than its buffer applies backpressure and loses nothing", async () => {
  const listener = await listen("run_slow", {
    token: () => server.token("run_slow"),
    apiBaseUrl: server.url,
    bufferLimit: 20,
    onMessage: () => pause(1),
  });
  await server.statuses("run_slow", { count: HISTORY - 100 });
  await until("all have come", () => listener.indexes.length >= HISTORY - 100);
  expect(listener.indexes).toEqual(range(0, HISTORY - 100));
  expect(listener.gaps).toEqual([]);
  listener.close();
});

test("a client that stops reading does not affect others, and receives a gap", async () => {
  const [token, count] = [await server.token("run_stuck"), 2400];
  const { WebSocket, sockets } = pausable();
  const fast = await listen("run_stuck", { token, apiBaseUrl: server.url });
  const stuck = await listen("run_stuck", { token, apiBaseUrl: server.url, WebSocket });
  sockets[0]?.pause();
  await server.statuses("run_stuck", { count, size: 32_000, pauseMilliseconds: 1 });
  await until("the fast one has all", () => fast.indexes.length === count);
  expect(fast.indexes).toEqual(range(0, count));
  expect(fast.gaps).toEqual([]);
  sockets[0]?.resume();
  await until("the slow one has the last", () => stuck.indexes.includes(count - 1));
  expectAllButTheGap(stuck, count);
  fast.close();
  stuck.close();
}, 60_000);

/** Returns a `WebSocket` class and its sockets, which a test can pause. */
function pausable() {
  const sockets: ws.WebSocket[] = [];
  class WebSocket extends ws.WebSocket {
    constructor(...args: ConstructorParameters<typeof ws.WebSocket>) {
      super(...args);
      sockets.push(this);
    }
  }
  return { WebSocket, sockets };
}

/** Expects one gap where messages are missing, and all messages before and after it once. */
function expectAllButTheGap(listener: Listener, count: number): void {
  const at = listener.log.indexOf("gap");
  const missing = count - listener.indexes.length;
  expect(listener.gaps).toHaveLength(1);
  expect(missing).toBeGreaterThan(0);
  expect(listener.indexes).toEqual([...range(0, at), ...range(at + missing, count)]);
  // A client that abandoned its silent socket before the first message has missed everything since it subscribed.
  const after = at === 0 ? expect.any(String) : listener.log[at - 1];
  expect(listener.gaps[0]).toMatchObject({ after, before: listener.log[at + 1] });
}
