import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RealtimeStore, type RunUpdate, send, type SendOptions, SignalError } from "fanfare";
import { createRealtime } from "fanfare/server";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { pipeline } from "../../generated/typescript/pipeline.js";
import { listen, quick } from "./support/listen.js";
import { Server } from "./support/server.js";
import { until } from "./support/wait.js";

let folder: string;
let server: Server;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "fanfare-signals-"));
  server = await Server.start({ storage: join(folder, "fanfare.db") });
});

afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const channelOf = (runId: string) => pipeline({ runId });

function backend() {
  return createRealtime({ apiBaseUrl: server.url, signingKey: server.signingKey });
}

/** Returns a page's token, which allows subscribing to a run and sending `approve`. */
function pageToken(run: string, subject: string): Promise<string> {
  return backend().token(channelOf(run), { signals: ["approve"], subject });
}

/** Returns the state of a run as a page shows it. */
function watch(run: string): RealtimeStore {
  const store = new RealtimeStore({
    ...quick,
    channel: channelOf(run),
    topics: ["status"],
    apiBaseUrl: server.url,
    token: () => pageToken(run, "user_1"),
  });
  store.start();
  onTestFinished(() => store.stop());
  return store;
}

function statuses(store: RealtimeStore): unknown[] {
  return store.getSnapshot().messages.all.map(({ data }) => (data as { message: string }).message);
}

async function failure(sending: Promise<unknown>): Promise<SignalError> {
  const error: unknown = await sending.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(SignalError);
  return error as SignalError;
}

async function approve(run: string, subject: string, options: SendOptions = {}) {
  const token = () => pageToken(run, subject);
  return send(channelOf(run).approve, { verdict: "approve" }, { token, apiBaseUrl: server.url, ...options });
}

/** Retries: on a slow machine, a server may be unavailable for longer than one `send` retries. */
async function persistently<Receipt>(attempt: () => Promise<Receipt>): Promise<Receipt> {
  for (let left = 5; ; left -= 1) {
    try {
      return await attempt();
    } catch (error) {
      if (left === 0 || !(error instanceof SignalError) || error.code !== "unavailable") {
        throw error;
      }
    }
  }
}

async function asked(run: string): Promise<RealtimeStore> {
  const store = watch(run);
  await until("it asks", () => store.getSnapshot().waitingFor.includes("approve"));
  return store;
}

test("a run continues with a signal, and its page and a later one show its result", async () => {
  const store = watch("run_approved");
  await until("it is open", () => store.getSnapshot().connectionStatus === "open");
  await server.review("run_approved", { text: "Summary" });
  await until("it asks", () => statuses(store).length === 1);
  const receipt = await store.send(channelOf("run_approved").approve, { verdict: "edit", text: "Better" });
  expect(receipt.runId).toBe("run_approved");
  expect(Math.abs(Date.now() - receipt.receivedAt.getTime())).toBeLessThan(60_000);
  await until("it is closed", () => store.getSnapshot().connectionStatus === "closed");
  const end = { runStatus: "completed", result: { title: "user_1", summary: "Better" }, attempt: 1, error: null };
  expect(store.getSnapshot()).toMatchObject(end);
  expect(statuses(store)).toEqual(["What do you think?", "Thank you"]);

  const later = watch("run_approved");
  await until("the later one is closed", () => later.getSnapshot().connectionStatus === "closed");
  expect(later.getSnapshot()).toMatchObject({ ...end, attempt: null });
  expect(statuses(later)).toEqual(["Thank you"]);
});

test("run updates report attempts and their errors once and in order", async () => {
  const news: (RunUpdate | string)[] = [];
  const listener = await listen("run_retried", {
    apiBaseUrl: server.url,
    token: await server.token("run_retried"),
    onMessage: ({ topic }) => void news.push(topic),
    onRun: (update) => void news.push(update),
  });
  onTestFinished(() => listener.close());
  await server.review("run_retried", { failures: 2 });
  await until("it asks", () => news.length === 5);
  await backend().send(channelOf("run_retried").approve, { verdict: "reject" });
  await until("it has failed", () => news.length === 7);
  const runError = { message: "no network" };
  expect(news).toMatchObject([
    { status: "running", attempt: 1, runId: "run_retried" },
    { status: "running", attempt: 2, runError },
    { status: "running", attempt: 3, runError },
    "status",
    { status: "running", waitingFor: ["approve"] },
    { status: "running", waitingFor: [] },
    { status: "failed", runError: { message: "it was rejected" } },
  ]);
});

test("a signal that is sent before the run waits for it is kept", async () => {
  await server.review("run_early", { pauseMilliseconds: 2_000 });
  await approve("run_early", "user_2");
  const store = watch("run_early");
  await until("it has ended", () => store.getSnapshot().runStatus === "completed");
  expect(store.getSnapshot().result).toMatchObject({ title: "user_2" });
});

test("the first signal is accepted, and later ones are refused with its sender", async () => {
  await server.review("run_twice", { pauseMilliseconds: 3_600_000 });
  const first = await approve("run_twice", "user_1");
  const second = await failure(approve("run_twice", "user_2"));
  expect(second).toMatchObject({ code: "already_taken", takenSender: "user_1", takenAt: first.receivedAt, status: 409 });
});

test("a repeat with the same idempotency key receives the first receipt, even after the end of the run", async () => {
  await server.review("run_repeated");
  const options = { idempotencyKey: "webhook_7" };
  const { approve: verdict } = channelOf("run_repeated");
  const store = await asked("run_repeated");
  const first = await backend().send(verdict, { verdict: "approve" }, options);
  await until("it has ended", () => store.getSnapshot().runStatus === "completed");
  expect(await backend().send(verdict, { verdict: "approve" }, options)).toEqual(first);
  const other = await failure(backend().send(verdict, { verdict: "reject" }, options));
  expect(other).toMatchObject({ code: "invalid", status: 422 });
  expect(await failure(approve("run_repeated", "user_2"))).toMatchObject({ code: "already_taken", status: 409 });
});

test("of several runs on a channel, the named one receives a signal, or else the one that has waited longest", async () => {
  const news: RunUpdate[] = [];
  const listener = await listen("run_shared", {
    apiBaseUrl: server.url,
    token: await server.token("run_shared"),
    onRun: (update) => void news.push(update),
  });
  onTestFinished(() => listener.close());
  for (const [index, run] of ["first", "second", "third"].entries()) {
    await server.review(run, { on: "run_shared" });
    await until("it asks", () => listener.messages.length === index + 1);
  }
  const { approve: verdict } = channelOf("run_shared");
  const ended = (run: string) => news.some(({ runId, status }) => runId === run && status === "completed");
  expect((await backend().send(verdict, { verdict: "approve" }, { runId: "second" })).runId).toBe("second");
  await until("the second has ended", () => ended("second"));
  const options = { idempotencyKey: "webhook_8" };
  const receipt = await backend().send(verdict, { verdict: "approve" }, options);
  expect(receipt.runId).toBe("first");
  await until("the first has ended", () => ended("first"));
  // The third waits now, and the repeat must not reach it.
  expect(await backend().send(verdict, { verdict: "approve" }, options)).toEqual(receipt);
  expect(ended("third")).toBe(false);
});

test("a signal that is sent after the run stopped waiting is too late", async () => {
  await server.review("run_late", { patienceMilliseconds: 20 });
  const store = watch("run_late");
  await until("it has given up", () => statuses(store).includes("Nobody has answered"));
  expect(await failure(approve("run_late", "user_1"))).toMatchObject({ code: "too_late" });
  expect(store.getSnapshot()).toMatchObject({ runStatus: "running", connectionStatus: "open" });
});

test("refused signals have an error code", async () => {
  await server.review("run_refused");
  await asked("run_refused");
  const { approve: verdict } = channelOf("run_refused");
  expect(await failure(approve("run_nobody", "user_1"))).toMatchObject({ code: "no_run", status: 404 });
  const topicsOnly = await server.token("run_refused");
  expect(await failure(approve("run_refused", "", { token: topicsOnly }))).toMatchObject({ code: "not_granted" });
  const others = await pageToken("run_nobody", "user_1");
  expect(await failure(approve("run_refused", "", { token: others }))).toMatchObject({ code: "not_granted" });
  const forged = `${topicsOnly.slice(0, -8)}AAAAAAAA`;
  expect(await failure(approve("run_refused", "", { token: forged }))).toMatchObject({ code: "unauthorized" });

  // A page that was built from another definition.
  const anything = { "~standard": { version: 1, vendor: "none", validate: (value: unknown) => ({ value }) } } as const;
  const invalid = await failure(backend().send({ ...verdict, schema: anything }, { verdict: "maybe" }));
  expect(invalid).toMatchObject({ code: "invalid", status: 422, issues: [{ path: "/verdict", value: '"maybe"' }] });
  const here = await failure(backend().send(verdict, { verdict: "maybe" as "edit" }));
  expect(here).toMatchObject({ code: "invalid", status: undefined, issues: [{ path: "/verdict" }] });
  expect([here.issues[0]?.rule, here.issues[0]?.message]).toEqual([invalid.issues[0]?.rule, invalid.issues[0]?.message]);
  const unknown = await failure(backend().send({ ...verdict, signal: "nope" }, { verdict: "approve" }));
  expect(unknown).toMatchObject({ code: "unknown_signal", status: 404 });

  expect((await approve("run_refused", "user_1")).runId).toBe("run_refused");
});

test("a signal that is sent while the server restarts reaches the run in the next process", async () => {
  const storage = join(folder, "killed.db");
  const first = await Server.start({ storage });
  const port = Number(new URL(first.url).port);
  const realtime = createRealtime({ apiBaseUrl: first.url, signingKey: first.signingKey });
  const channel = channelOf("run_killed");
  const token = await realtime.token(channel, { signals: ["approve"], subject: "user_1" });
  const store = new RealtimeStore({
    ...quick,
    channel,
    topics: ["status"],
    apiBaseUrl: first.url,
    token: () => token,
  });
  store.start();
  onTestFinished(() => store.stop());
  await until("it is open", () => store.getSnapshot().connectionStatus === "open");
  await first.review("run_killed", { text: "Summary" });
  await until("it asks", () => statuses(store).length === 1);
  await first.kill();
  const sending = persistently(() => store.send(channel.approve, { verdict: "approve" }));
  const second = await Server.start({ storage, port });
  onTestFinished(() => second.stop());
  expect((await sending).runId).toBe("run_killed");
  await until("it has ended", () => store.getSnapshot().runStatus === "completed", 30_000);
  const result = { title: "user_1", summary: "Summary" };
  expect(store.getSnapshot()).toMatchObject({ result, connectionStatus: "closed", gap: null });
  expect(statuses(store)).toEqual(["What do you think?", "Thank you"]);
}, 60_000);
