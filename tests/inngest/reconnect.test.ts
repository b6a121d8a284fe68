// @vitest-environment jsdom
import { getClientSubscriptionToken } from "inngest/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { pipeline } from "../../generated/typescript/pipeline.js";
import { listen } from "../end-to-end/support/listen.js";
import { Proxy } from "../end-to-end/support/proxy.js";
import { Server } from "../end-to-end/support/server.js";
import { range, until } from "../end-to-end/support/wait.js";
import { appOf } from "./support/app.js";
import { follow } from "./support/follow.js";
import { mount } from "./support/hook.js";

let server: Server;
let proxy: Proxy;
/** How often the hook has requested a token. */
let asked: number;

beforeEach(async () => {
  server = await Server.start();
  proxy = await Proxy.start(server.url);
  asked = 0;
  vi.spyOn(console, "error").mockReturnValue();
});

afterEach(async () => {
  vi.restoreAllMocks();
  proxy.stop();
  await server.stop();
});

function mountBehindProxy(run: string) {
  const channel = pipeline({ runId: run });
  const token = () => {
    asked += 1;
    return getClientSubscriptionToken(appOf(server), { channel, topics: ["status", "tokens"] });
  };
  return mount(run, { token, apiBaseUrl: proxy.url });
}

const isOpen = ({ connectionStatus }: { readonly connectionStatus: string }) => connectionStatus === "open";

test("the hook requests a token for each connection, and receives retained messages again", async () => {
  const hook = mountBehindProxy("run_cut");
  await hook.see("it is open", isOpen);
  await server.tokens("run_cut", { count: 3 });
  await server.status("run_cut", "3");
  await hook.see("all have come", ({ messages }) => messages.all.length === 4);
  expect(asked).toBe(1);

  proxy.cut();
  await hook.see("what is retained came again", ({ messages }) => messages.all.length === 8);
  expect(asked).toBe(2);
  // The SDK does not know ids, so it cannot detect duplicates.
  expect(hook.numbers()).toEqual([0, 1, 2, 3, 0, 1, 2, 3]);
  hook.unmount();
});

test("after a reconnect, the hook receives only retained messages, and Fanfare's client receives all", async () => {
  const own = await listen("run_away", { token: await server.token("run_away"), apiBaseUrl: proxy.url });
  const hook = mountBehindProxy("run_away");
  await hook.see("it is open", isOpen);
  await server.statuses("run_away", { count: 3 });
  await hook.see("all have come", ({ messages }) => messages.all.length === 3);

  proxy.down();
  await server.statuses("run_away", { from: 3, count: 10 });
  proxy.up();
  await hook.see("the last status has come", () => hook.numbers().at(-1) === 12);
  await until("all have come to the other", () => own.indexes.length === 13);
  expect(hook.numbers()).toEqual([0, 1, 2, 12]);
  expect(own.indexes).toEqual(range(0, 13));
  expect(own.gaps).toEqual([]);
  own.close();
  hook.unmount();
});

test("a hidden page disconnects, and receives only retained messages when it is visible again", async () => {
  const hook = mountBehindProxy("run_hidden");
  await hook.see("it is open", isOpen);
  hook.setVisibility("hidden");
  await hook.see("it is paused", ({ connectionStatus }) => connectionStatus === "paused");
  await server.statuses("run_hidden", { count: 5 });
  hook.setVisibility("visible");
  await hook.see("the last status has come", ({ messages }) => messages.all.length > 0);
  expect(hook.numbers()).toEqual([4]);
  expect(asked).toBe(2);
  hook.unmount();
});

test("when a server stops or is killed, the hook connects to its replacement", async () => {
  const hook = mountBehindProxy("run_next");
  for (const [index, stop] of (["shutdown", "kill"] as const).entries()) {
    await hook.see("it is open", isOpen);
    const next = await Server.start();
    const previous = server;
    server = next;
    proxy.up(next.url);
    await next.status("run_next", `${index} by another`);
    await previous[stop]();
    await hook.see("the other's status has come", () => hook.numbers().at(-1) === index);
  }
  expect(asked).toBe(3);
  hook.unmount();
});

test("a server that shuts down sends all accepted messages first", async () => {
  const app = appOf(server);
  const guest = follow(await app.realtime.subscribe({ channel: pipeline({ runId: "run_stop" }), topics: ["status"] }));
  await server.statuses("run_stop", { count: 200, size: 5_000 });
  await server.shutdown();
  await until("the stream has ended", () => guest.hasEnded);
  expect(guest.messages).toHaveLength(200);
});

test("when a token expires, the hook requests another one and continues", async () => {
  const token = async () => {
    asked += 1;
    return server.token("run_expires", asked === 1 ? 3 : 300);
  };
  const hook = mount("run_expires", { token, apiBaseUrl: proxy.url });
  await hook.see("it is open", isOpen);
  await hook.see("it is open with another token", (result) => asked === 2 && isOpen(result));
  await server.status("run_expires", "5");
  await hook.see("a message has come", () => hook.numbers().length > 0);
  hook.unmount();
});

test("subscribe() of the SDK does not reconnect: its stream ends without an error", async () => {
  const app = appOf({ url: proxy.url, signingKey: server.signingKey });
  const guest = follow(await app.realtime.subscribe({ channel: pipeline({ runId: "run_ends" }), topics: ["status"] }));
  await server.status("run_ends", "first");
  await guest.count(1);
  proxy.cut();
  await until("the stream has ended", () => guest.hasEnded);
  await server.status("run_ends", "second");
  expect(guest.messages).toHaveLength(1);
});
