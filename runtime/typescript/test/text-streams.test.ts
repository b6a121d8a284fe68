import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { defineChannel, InvalidMessageError, RealtimeStore, subscribe, TextStreamError } from "../src/index.js";
import { z } from "zod";
import { TestServer, tokenFor, until } from "./server.js";

const channel = defineChannel({
  name: "pipeline",
  address: "pipeline:run_42",
  fingerprint: "9f2c",
  topics: { draft: { stream: "text" }, tokens: { payload: z.string() } },
});
const token = tokenFor(channel.name, ["draft", "tokens"]);
let server: TestServer;

beforeEach(async () => {
  server = await TestServer.start();
});
afterEach(() => server.stop());

function basics() {
  const speed = { reconnectMinMs: 5, reconnectMaxMs: 20 };
  return { channel, token, apiBaseUrl: server.url, WebSocket, ...speed } as const;
}

function begin(id: string): void {
  server.log({ kind: "datastream-start", topic: "draft", data: id, run_id: "attempt/1" });
}

function write(id: string, ...texts: string[]): void {
  server.log(...texts.map((data) => ({ kind: "chunk", topic: "draft", stream_id: id, data })));
}

function end(id: string, failure: { error?: string; stopped?: boolean } = {}): void {
  server.log({ kind: "datastream-end", topic: "draft", data: id, ...failure });
}

async function textOf(stream: ReadableStream<string>): Promise<string> {
  let text = "";
  for await (const piece of stream) {
    text += piece;
  }
  return text;
}

describe("a text stream", () => {
  it("is delivered when it begins, in order with the messages, and yields chunks as they arrive", async () => {
    const messages = await subscribe(basics());
    server.publish("tokens", "before");
    begin("s1");
    write("s1", "Once ", "upon ");
    server.publish("tokens", "after");
    expect((await messages.next()).value?.data).toBe("before");
    const { value } = await messages.next();
    if (value?.topic !== "draft") {
      return expect.unreachable();
    }
    expect(value).toMatchObject({ kind: "stream", topic: "draft", runId: "attempt/1" });
    const reader = value.data.getReader();
    expect(await reader.read()).toEqual({ done: false, value: "Once " });
    expect((await messages.next()).value?.data).toBe("after");
    write("s1", "a time");
    end("s1");
    expect((await reader.read()).value).toBe("upon ");
    expect((await reader.read()).value).toBe("a time");
    expect((await reader.read()).done).toBe(true);
    messages.close();
  });

  it("continues in the same ReadableStream after a reconnect", async () => {
    const messages = await subscribe({ ...basics(), topics: ["draft"] });
    begin("s1");
    const { value } = await messages.next();
    const text = textOf(value?.data as ReadableStream<string>);
    for (const round of [1, 2, 3]) {
      write("s1", `${round}a `);
      server.cut();
      write("s1", `${round}b `);
      await until(() => server.subscriptions === 1);
    }
    end("s1");
    expect(await text).toBe("1a 1b 2a 2b 3a 3b ");
    messages.close();
  });

  it("ends with an error if its publisher gave up, chunks were missed, or the subscription ended", async () => {
    const messages = await subscribe({ ...basics(), topics: ["draft"] });
    const take = async (id: string) => {
      begin(id);
      return (await messages.next()).value?.data as ReadableStream<string>;
    };
    const first = await take("s1");
    write("s1", "Once ", "upon");
    end("s1", { error: "the server was restarted" });
    server.publish("tokens", "all has come");
    // The chunks before the error are read first.
    const reader = first.getReader();
    expect([(await reader.read()).value, (await reader.read()).value]).toEqual(["Once ", "upon"]);
    reader.releaseLock();
    const failed = textOf(first);
    await expect(failed).rejects.toMatchObject({ reason: "failed", topic: "draft" });
    await expect(failed).rejects.toThrow(/is incomplete: the server was restarted/);

    const torn = textOf(await take("s2"));
    server.cut();
    write("s2", "lost");
    server.forget();
    write("s2", "the rest");
    end("s2");
    await expect(torn).rejects.toMatchObject({ reason: "gap" });

    const closed = textOf(await take("s3"));
    messages.close();
    await expect(closed).rejects.toBeInstanceOf(TextStreamError);
    await expect(closed).rejects.toMatchObject({ reason: "closed" });
  });

  it("that was stopped on purpose ends with an error that says so, after its text", async () => {
    const messages = await subscribe({ ...basics(), topics: ["draft"] });
    begin("s1");
    write("s1", "Once ");
    end("s1", { error: "the run was cancelled", stopped: true });
    const { value } = await messages.next();
    const reader = (value?.data as ReadableStream<string>).getReader();
    expect((await reader.read()).value).toBe("Once ");
    const stopped = reader.read();
    await expect(stopped).rejects.toBeInstanceOf(TextStreamError);
    await expect(stopped).rejects.toMatchObject({ reason: "stopped", topic: "draft" });
    await expect(stopped).rejects.toThrow(/is incomplete: the run was cancelled/);

    begin("s2");
    const failed = textOf((await messages.next()).value?.data as ReadableStream<string>);
    end("s2", { error: "given up", stopped: false });
    await expect(failed).rejects.toMatchObject({ reason: "failed" });
    messages.close();
  });

  it("is ignored if its start was not received, and after it was cancelled", async () => {
    const messages = await subscribe(basics());
    write("s0", "the end of another");
    end("s0");
    begin("s1");
    const { value } = await messages.next();
    await (value?.data as ReadableStream<string>).cancel();
    write("s1", "unread");
    end("s1");
    server.publish("tokens", "after");
    expect((await messages.next()).value?.data).toBe("after");
    messages.close();
  });

  it("can be read to its end between two messages, even if the buffer is full", async () => {
    const messages = await subscribe({ ...basics(), bufferLimit: 5 });
    begin("s1");
    const { value } = await messages.next();
    const text = textOf(value?.data as ReadableStream<string>);
    for (let index = 0; index < 50; index += 1) {
      server.publish("tokens", String(index));
      write("s1", "x");
    }
    end("s1");
    expect(await text).toBe("x".repeat(50));
    for (let index = 0; index < 50; index += 1) {
      expect((await messages.next()).value?.data).toBe(String(index));
    }
    messages.close();
  });

  it("is invalid on a topic of payloads, and a payload on a topic of streams", async () => {
    const invalid: InvalidMessageError[] = [];
    const messages = await subscribe({ ...basics(), onInvalid: (error) => void invalid.push(error) }, () => {});
    server.publish("draft", "a payload");
    server.log({ kind: "datastream-start", topic: "tokens", data: "s1" });
    await until(() => invalid.length === 2);
    expect(invalid.map(({ message }) => message)).toEqual([
      expect.stringMatching(/topic "draft", does not match the definition: expected a text stream on this topic, got a payload$/),
      expect.stringMatching(/topic "tokens", does not match the definition: expected a payload on this topic, got a text stream$/),
    ]);
    messages.close();
  });
});

it("a store shows the text so far as one message, and how it ended", async () => {
  const store = new RealtimeStore(basics());
  const shown = () => store.getSnapshot().messages;
  store.start();
  await until(() => store.getSnapshot().connectionStatus === "open");
  begin("s1");
  write("s1", "Once ");
  server.publish("tokens", "between");
  await until(() => shown().last?.topic === "tokens");
  write("s1", "upon");
  await until(() => shown().byTopic["draft"]?.data === "Once upon");
  expect(shown().delta).toMatchObject([{ kind: "stream", status: "streaming", data: "Once upon" }]);
  expect(shown().all.map(({ data }) => data)).toEqual(["Once upon", "between"]);
  server.cut();
  write("s1", " a time");
  end("s1");
  await until(() => (shown().byTopic["draft"] as { status?: string }).status === "complete");
  expect(shown().byTopic["draft"]).toMatchObject({ data: "Once upon a time", runId: "attempt/1" });
  begin("s2");
  await until(() => shown().all.length === 3);
  end("s2", { error: "given up" });
  await until(() => (shown().last as { status?: string } | null)?.status === "failed");
  begin("s3");
  await until(() => shown().all.length === 4);
  end("s3", { error: "the run continued", stopped: true });
  await until(() => (shown().last as { status?: string } | null)?.status === "stopped");
  store.reset();
  expect(shown().all).toEqual([]);
  store.stop();
});

describe("a position", () => {
  it("is where another subscription resumes", async () => {
    const first = await subscribe(basics());
    expect(first.position).not.toBe("now");
    server.publish("tokens", "a", "b", "c");
    expect((await first.next()).value?.data).toBe("a");
    const { position } = first;
    first.close();
    const second = await subscribe({ ...basics(), since: position });
    expect((await second.next()).value?.data).toBe("b");
    second.close();
  });

  it("does not pass undelivered messages when chunks arrive", async () => {
    const messages = await subscribe(basics());
    begin("s1");
    server.publish("tokens", "a");
    write("s1", "x", "y");
    server.publish("tokens", "b");
    await messages.next();
    const { position } = messages;
    await messages.next();
    const afterA = messages.position;
    expect((await messages.next()).value?.data).toBe("b");
    expect([position < afterA, afterA < messages.position]).toEqual([true, true]);
    messages.close();
  });
});
