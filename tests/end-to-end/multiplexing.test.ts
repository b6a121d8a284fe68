import { subscribe } from "fanfare";
import { createRealtime } from "fanfare/server";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { pipeline } from "../../generated/typescript/pipeline.js";
import { type Listener, listen, quick } from "./support/listen.js";
import { Proxy } from "./support/proxy.js";
import { Server } from "./support/server.js";
import { pause, range, until } from "./support/wait.js";

let server: Server;

beforeAll(async () => {
  server = await Server.start();
});

afterAll(() => server.stop());

const transports = ["websocket", "sse"] as const;

async function startProxy(target = server.url): Promise<Proxy> {
  const proxy = await Proxy.start(target);
  onTestFinished(() => proxy.stop());
  return proxy;
}

async function start(...args: Parameters<typeof listen>): Promise<Listener> {
  const listener = await listen(...args);
  onTestFinished(() => listener.close());
  return listener;
}

test.each(transports)("20 subscriptions share one connection over %s, and resume independently", async (transport) => {
  const proxy = await startProxy();
  const runs = range(0, 20).map((number) => `run_shared${transport}${number}`);
  const listeners = await Promise.all(
    runs.map((run) => start(run, { token: () => server.token(run), apiBaseUrl: proxy.url, transport })),
  );
  expect([proxy.webSockets, proxy.eventStreams]).toEqual(transport === "sse" ? [0, proxy.eventStreams] : [1, 0]);
  await until("they share one connection", () => proxy.open === 1);
  const publishing = Promise.all(runs.map((run) => server.statuses(run, { count: 200, pauseMilliseconds: 3 })));
  let before = 0;
  const areOpen = () => proxy.connections > before && listeners.every(({ connectionStatus }) => connectionStatus === "open");
  for (const cut of range(1, 6)) {
    await until("it continues", () => areOpen() && listeners.every(({ indexes }) => indexes.length > cut * 30));
    before = proxy.connections;
    proxy.cut();
  }
  await publishing;
  await until("all have come", () => areOpen() && listeners.every(({ indexes }) => indexes.length >= 200));
  for (const { indexes, gaps } of listeners) {
    expect(indexes).toEqual(range(0, 200));
    expect(gaps).toEqual([]);
  }
  await until("they share one connection again", () => proxy.open === 1);
  if (transport === "websocket") {
    expect(proxy.connections).toBe(6);
  }
});

test.each(transports)("tokens that expire after 8 seconds are renewed over %s, and no message is lost or repeated", async (transport) => {
  const proxy = await startProxy();
  let calls = 0;
  const run = `run_renewed${transport}`;
  const listener = await start(run, {
    token: () => {
      calls += 1;
      return server.token(run, 8);
    },
    apiBaseUrl: proxy.url,
    transport,
  });
  await server.statuses(run, { count: 600, pauseMilliseconds: 36 });
  await until("all have come", () => listener.indexes.length >= 600);
  expect(listener.indexes).toEqual(range(0, 600));
  expect([listener.gaps, listener.errors]).toEqual([[], []]);
  expect(calls).toBeGreaterThanOrEqual(4);
  expect([proxy.webSockets, proxy.eventStreams]).toEqual(transport === "sse" ? [0, calls] : [1, 0]);
}, 60_000);

test("a subscription whose token is revoked continues with another token, or ends, without effect on others", async () => {
  const proxy = await startProxy();
  const realtime = createRealtime({ apiBaseUrl: server.url, signingKey: server.signingKey });
  const [channel, apiBaseUrl] = [pipeline({ runId: "run_revoked" }), proxy.url];
  const ids = ["login_1", "login_2"];
  const renewed = await start("run_revoked", { token: () => realtime.token(channel, { id: ids.shift() ?? "" }), apiBaseUrl });
  const ended = await start("run_revoked", { token: await realtime.token(channel, { id: "login_1" }), apiBaseUrl });
  const other = await start("run_revoked", { token: await realtime.token(channel, { id: "login_3" }), apiBaseUrl });
  await server.statuses("run_revoked", { count: 10 });
  await until("the first have come", () => [renewed, ended, other].every(({ indexes }) => indexes.length === 10));
  await realtime.revoke("login_1");
  expect(await ended.closed).toMatchObject({ fatal: true, code: "revoked" });
  await server.statuses("run_revoked", { from: 10, count: 10 });
  await until("the rest has come", () => [renewed, other].every(({ indexes }) => indexes.length === 20));
  expect([renewed.indexes, other.indexes]).toEqual([range(0, 20), range(0, 20)]);
  expect(ended.indexes).toEqual(range(0, 10));
  expect([renewed.errors, other.errors]).toEqual([[], []]);
  expect(proxy.connections).toBe(1);
  const refused = subscribe({ ...quick, channel, apiBaseUrl, token: await realtime.token(channel, { id: "login_1" }) });
  await expect(refused).rejects.toMatchObject({ code: "unauthorized", fatal: true });
});

test("if WebSockets are blocked, event streams deliver everything across reconnects", async () => {
  const proxy = await startProxy();
  proxy.blocksWebSockets = true;
  const listener = await start("run_blocked", { token: () => server.token("run_blocked"), apiBaseUrl: proxy.url });
  const publishing = server.statuses("run_blocked", { count: 1500, size: 300, pauseMilliseconds: 1 });
  const isOpenAgain = (cuts: number) => proxy.eventStreams > cuts && listener.connectionStatus === "open";
  for (const cut of range(1, 11)) {
    await until("it continues", () => isOpenAgain(cut - 1) && listener.indexes.length > cut * 100);
    proxy.cut();
  }
  await publishing;
  await until("all have come", () => isOpenAgain(10) && listener.indexes.length >= 1500);
  await pause(50);
  expect(listener.indexes).toEqual(range(0, 1500));
  expect(listener.gaps).toEqual([]);
  expect([proxy.webSockets, proxy.refusedWebSockets]).toEqual([0, 1]);
  expect(proxy.eventStreams).toBeGreaterThanOrEqual(11);
});

test("a refused subscription rejects with its reason, over both transports", async () => {
  const unknown = await server.token("run_1");
  for (const transport of transports) {
    const forged = subscribe({
      ...quick,
      channel: pipeline({ runId: "run_1" }),
      apiBaseUrl: server.url,
      token: `${unknown.slice(0, -4)}AAAA`,
      transport,
    });
    await expect(forged, transport).rejects.toMatchObject({ code: "unauthorized", fatal: true });
  }
});

test.each(transports)("when a server shuts down, clients move to the next one at once, over %s", async (transport) => {
  const first = await Server.start();
  const second = await Server.start();
  const proxy = await startProxy(first.url);
  const run = `run_moving${transport}`;
  const listener = await start(run, { token: () => second.token(run), apiBaseUrl: proxy.url, transport });
  await first.tokens(run, { count: 5 });
  await until("the first have come", () => listener.indexes.length === 5);
  proxy.redirect(second.url);
  const stopping = first.shutdown();
  await until("it is with the other server", () => listener.gaps.length === 1 || listener.log.length > 5 || proxy.connections > 1);
  await second.tokens(run, { from: 5, count: 5 });
  await until("its messages have come", () => listener.indexes.length === 10);
  expect(listener.indexes).toEqual(range(0, 10));
  // The second server cannot know that no message is missing.
  expect(listener.gaps).toHaveLength(1);
  await stopping;
  await second.stop();
});

test("fanfare/server publishes valid payloads once, and reports the issues of invalid ones", async () => {
  const realtime = createRealtime({ apiBaseUrl: server.url, signingKey: server.signingKey });
  const channel = pipeline({ runId: "run_served" });
  const { key, apiBaseUrl } = await realtime.getClientSubscriptionToken({ channel });
  const listener = await start("run_served", { token: { key, apiBaseUrl } });
  const status = { message: "7", step: "write", progress: 50 } as const;
  const { id } = await realtime.publish(channel.status, status, { runId: "attempt/1" });
  await realtime.publish(channel.tokens, { index: 8, text: "x" });
  await until("both have come", () => listener.messages.length === 2);
  expect(listener.messages[0]).toMatchObject({ id, topic: "status", data: status, runId: "attempt/1" });
  expect(listener.indexes).toEqual([7, 8]);
  const invalid = { ...status, progress: 101 };
  await expect(realtime.publish(channel.status, invalid)).rejects.toMatchObject({
    issues: [{ path: "/progress", rule: "maximum", value: "101" }],
  });
  const unchecked = { ...channel.status, config: { schema: channel.tokens.config.schema } };
  await expect(realtime.publish(unchecked, { index: 1, text: "x" })).rejects.toMatchObject({ status: 422 });
});
