// @vitest-environment jsdom
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getClientSubscriptionToken, useRealtime } from "inngest/react";
import { renderToString } from "react-dom/server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pipeline } from "../../generated/typescript/pipeline.js";
import { Server } from "../end-to-end/support/server.js";
import { range } from "../end-to-end/support/wait.js";
import { appOf } from "./support/app.js";
import { mount } from "./support/hook.js";

let server: Server;
let app: ReturnType<typeof appOf>;

beforeAll(async () => {
  server = await Server.start();
  app = appOf(server);
});

afterAll(() => server.stop());

/** Returns a token as the Next.js server action of an application does. */
function tokenFor(run: string) {
  return getClientSubscriptionToken(app, { channel: pipeline({ runId: run }), topics: ["status", "tokens"] });
}

test("a server-rendered page is idle and has no messages", () => {
  function Progress() {
    const { connectionStatus, runStatus, messages } = useRealtime({
      channel: pipeline({ runId: "run_1" }),
      topics: ["status"] as const,
      token: () => tokenFor("run_1"),
    });
    return <p>{`${connectionStatus}, ${runStatus}, ${messages.byTopic.status?.data.message ?? "nothing yet"}`}</p>;
  }
  expect(renderToString(<Progress />)).toBe("<p>idle, unknown, nothing yet</p>");
});

test("the hook connects, and returns each message in all of its views", async () => {
  await server.status("run_views", "0 retained");
  const hook = mount("run_views", { token: () => tokenFor("run_views") });
  await hook.see("the retained status is shown", ({ messages }) => messages.all.length > 0);
  expect(hook.now()).toMatchObject({ connectionStatus: "open", runStatus: "running", isPaused: false, error: null });
  await server.tokens("run_views", { from: 1, count: 200 });
  await server.status("run_views", "201 done", 100);
  await hook.see("the last status is shown", ({ messages }) => messages.byTopic.status?.data.progress === 100);
  const { messages } = hook.now();
  expect(hook.numbers()).toEqual(range(0, 202));
  expect(messages.last?.topic).toBe("status");
  expect(messages.byTopic.tokens?.data).toEqual({ index: 200, text: "x" });
  hook.unmount();
});

test("a token may be the SDK's object, its key, or a function that returns either", async () => {
  await server.status("run_kinds", "7");
  const object = await tokenFor("run_kinds");
  const whole = await app.realtime.token({ channel: pipeline({ runId: "run_kinds" }), topics: ["status", "tokens"] });
  const tokens = [object, whole, async () => object, async () => object.key, async () => whole];
  for (const token of tokens as Parameters<typeof mount>[1]["token"][]) {
    const hook = mount("run_kinds", { token, apiBaseUrl: server.url });
    await hook.see("the status is shown", () => hook.numbers().length > 0);
    expect(hook.numbers()).toEqual([7]);
    hook.unmount();
  }
});

test("buffered messages are shown together", async () => {
  const hook = mount("run_buffer", { token: () => tokenFor("run_buffer"), bufferInterval: 50 });
  await hook.see("it is open", ({ connectionStatus }) => connectionStatus === "open");
  await server.tokens("run_buffer", { count: 100 });
  await hook.see("all are shown", ({ messages }) => messages.all.length === 100);
  expect(hook.numbers()).toEqual(range(0, 100));
  hook.unmount();
});

test("the hook pauses if it is disabled, and returns an error if the token is refused", async () => {
  const hook = mount("run_pause", { token: () => tokenFor("run_pause"), enabled: false });
  await hook.see("it is paused", ({ pauseReason }) => pauseReason === "disabled");
  const refused = { token: async () => tokenFor("RUN"), enabled: true };
  await expect(refused.token()).rejects.toThrow();
  hook.render(refused);
  await hook.see("it has failed", ({ error }) => error !== null);
  hook.render({ token: () => tokenFor("run_pause"), enabled: true });
  await hook.see("it is open", ({ connectionStatus }) => connectionStatus === "open");
  expect(hook.now().error).toBeNull();
  hook.unmount();
});

test("the hook returns the status and the result of a run, and disconnects after its end", async () => {
  const folder = await mkdtemp(join(tmpdir(), "fanfare-inngest-"));
  const storing = await Server.start({ storage: join(folder, "fanfare.db") });
  const theirs = appOf(storing);
  const token = () =>
    getClientSubscriptionToken(theirs, { channel: pipeline({ runId: "run_told" }), topics: ["status", "tokens"] });
  const hook = mount("run_told", { token });
  await hook.see("it is open", ({ connectionStatus }) => connectionStatus === "open");
  await storing.review("run_told");
  await hook.see("it asks", ({ messages }) => messages.byTopic.status?.data.message === "What do you think?");
  expect(hook.now().runStatus).toBe("running");
  const query = new URLSearchParams({ channel: "pipeline:run_told", name: "approve" });
  const sent = await fetch(`${storing.url}/v1/realtime/signal?${query.toString()}`, {
    method: "POST",
    headers: { authorization: `Bearer ${storing.signingKey}` },
    body: JSON.stringify({ verdict: "approve" }),
  });
  expect(sent.status).toBe(200);
  await hook.see("the run has completed", ({ runStatus }) => runStatus === "completed");
  expect(hook.now().result).toEqual({ title: null, summary: "Once upon a time" });
  await hook.see("it has left", ({ connectionStatus }) => connectionStatus === "closed");
  hook.unmount();
  await storing.stop();
  await rm(folder, { recursive: true });
});
