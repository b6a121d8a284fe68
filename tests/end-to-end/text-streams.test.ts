import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type StreamMessage, subscribe, TextStreamError } from "fanfare";
import { createRealtime } from "fanfare/server";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { pipeline } from "../../generated/typescript/pipeline.js";
import { quick } from "./support/listen.js";
import { Proxy } from "./support/proxy.js";
import { Server } from "./support/server.js";
import { range, until } from "./support/wait.js";

const TEXT = "Züge fahren nach 東京 und 😀 zurück. ".repeat(40);

let server: Server;

beforeAll(async () => {
  server = await Server.start();
});

afterAll(() => server.stop());

/** Subscribes to a run's drafts and collects their texts and how they ended. */
async function readDrafts(run: string, options: { apiBaseUrl: string; transport?: "websocket" | "sse" }) {
  const texts: string[] = [];
  const ends: (Error | "complete")[] = [];
  const subscription = await subscribe({
    ...quick,
    channel: pipeline({ runId: run }),
    topics: ["draft"],
    token: () => server.token(run),
    onError: () => {},
    onMessage: (message) => void read(message),
    ...options,
  });
  async function read({ data }: StreamMessage<ReturnType<typeof pipeline>, "draft">): Promise<void> {
    const index = texts.push("") - 1;
    try {
      for await (const piece of data) {
        texts[index] += piece;
      }
      ends[index] = "complete";
    } catch (error) {
      ends[index] = error as Error;
    }
  }
  onTestFinished(() => subscription.close());
  return { subscription, texts, ends };
}

test.each(["websocket", "sse"] as const)("a text stream is complete after 10 reconnects over %s", async (transport) => {
  const proxy = await Proxy.start(server.url);
  onTestFinished(() => proxy.stop());
  const run = `run_text${transport}`;
  const { texts, ends, subscription } = await readDrafts(run, { apiBaseUrl: proxy.url, transport });
  const isOpenAgain = (cuts: number) => proxy.connections > cuts && subscription.connectionStatus === "open";
  const writing = server.draft(run, TEXT, { piece: 3, pauseMilliseconds: 5 });
  for (const cut of range(1, 11)) {
    await until("it continues", () => isOpenAgain(cut - 1) && (texts[0]?.length ?? 0) > cut * 100);
    proxy.cut();
  }
  await writing;
  await until("it has ended", () => ends.length === 1);
  expect([texts, ends]).toEqual([[TEXT], ["complete"]]);
  await until("it is open again", () => isOpenAgain(10));
});

test("a failed text stream ends with an error that contains the reason", async () => {
  const { texts, ends } = await readDrafts("run_givenup", { apiBaseUrl: server.url });
  await server.draft("run_givenup", "Once upon", { error: "the model stopped" });
  await until("it has ended", () => ends.length === 1);
  expect(texts).toEqual(["Once upon"]);
  expect(ends[0]).toBeInstanceOf(TextStreamError);
  expect(ends[0]).toMatchObject({ reason: "failed", channel: "pipeline:run_givenup", topic: "draft" });
  expect((ends[0] as Error).message).toContain("the model stopped");
});

test("a text stream of a killed server ends with an error, and the next one is complete", async () => {
  const folder = mkdtempSync(join(tmpdir(), "fanfare-texts-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const storage = join(folder, "fanfare.db");
  const first = await Server.start({ storage });
  const proxy = await Proxy.start(first.url);
  onTestFinished(() => proxy.stop());
  const { texts, ends, subscription } = await readDrafts("run_killed", { apiBaseUrl: proxy.url });
  // It takes ten seconds to write, so the server is killed before its end.
  void first.draft("run_killed", TEXT, { piece: 3, pauseMilliseconds: 20 }).catch(() => {});
  await until("it continues", () => (texts[0]?.length ?? 0) > 100);
  await first.kill();
  const second = await Server.start({ storage });
  proxy.up(second.url);
  await until("it has ended", () => ends.length === 1);
  expect(ends[0]).toMatchObject({ reason: "failed" });
  expect(TEXT.startsWith(texts[0] ?? "?")).toBe(true);
  await second.draft("run_killed", TEXT, { piece: 50 });
  await until("the next has ended", () => ends.length === 2);
  expect([texts[1], ends[1]]).toEqual([TEXT, "complete"]);
  expect(subscription.gap).toBeNull();
  await second.stop();
});

test("a text stream over HTTP arrives while it is written, and a late subscriber receives it from its start", async () => {
  const realtime = createRealtime({ apiBaseUrl: server.url, signingKey: server.signingKey });
  const channel = pipeline({ runId: "run_http" });
  const early = await readDrafts("run_http", { apiBaseUrl: server.url });
  let goOn = (): void => {};
  const isRead = new Promise<void>((resolve) => (goOn = resolve));
  async function* pieces() {
    yield TEXT.slice(0, 101);
    await isRead;
    yield TEXT.slice(101);
  }
  const publishing = realtime.publish(channel.draft, pieces());
  await until("its first part has come", () => early.texts[0] === TEXT.slice(0, 101));
  const late = await readDrafts("run_http", { apiBaseUrl: server.url });
  await until("a late subscriber has it, too", () => late.texts[0] === TEXT.slice(0, 101));
  goOn();
  await publishing;
  await until("both have ended", () => early.ends.length + late.ends.length === 2);
  expect([early.texts, late.texts]).toEqual([[TEXT], [TEXT]]);
  expect([early.ends, late.ends]).toEqual([["complete"], ["complete"]]);
});
