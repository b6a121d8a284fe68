import type { Realtime } from "inngest";
import { channel, staticSchema } from "inngest/realtime";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pipeline } from "../../generated/typescript/pipeline.js";
import { listen } from "../end-to-end/support/listen.js";
import { connect } from "../end-to-end/support/raw.js";
import { Server } from "../end-to-end/support/server.js";
import { until } from "../end-to-end/support/wait.js";
import { appOf } from "./support/app.js";
import { follow } from "./support/follow.js";

let server: Server;
let app: ReturnType<typeof appOf>;

beforeAll(async () => {
  server = await Server.start();
  app = appOf(server);
});

afterAll(() => server.stop());

/** The text streams of a run that Fanfare's client has received. */
interface Drafts {
  /** The text of each stream so far. */
  readonly texts: string[];
  /** How each ended: "complete", or an error. */
  readonly ends: string[];
  close(): void;
}

async function readDrafts(run: string): Promise<Drafts> {
  const texts: string[] = [];
  const ends: string[] = [];
  const listener = await listen(run, {
    topics: ["draft"],
    token: await server.token(run),
    apiBaseUrl: server.url,
    onMessage: (message) => {
      if (message.kind === "stream") {
        const index = texts.push("") - 1;
        void read(message.data, (piece) => (texts[index] += piece)).then((end) => (ends[index] = end));
      }
    },
  });
  return { texts, ends, close: () => listener.close() };
}

async function read(stream: ReadableStream<string>, take: (piece: string) => void): Promise<string> {
  try {
    for await (const piece of stream) {
      take(piece);
    }
    return "complete";
  } catch (error) {
    return String(error);
  }
}

/** Creates a text stream that the test writes. */
function draft() {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const stream = new ReadableStream<Uint8Array>({ start: (given) => void (controller = given) });
  const write = (bytes: string | Uint8Array) => controller.enqueue(Buffer.from(bytes));
  return { stream, write, end: () => controller.close(), fail: (error: Error) => controller.error(error) };
}

test("a text stream that the SDK publishes is received while it is written", async () => {
  const drafts = await readDrafts("run_draft");
  const { stream, write, end } = draft();
  const published = app.realtime.publish(pipeline({ runId: "run_draft" }).draft, stream);
  let text = "";
  for (const piece of ["Once ", "upon ", "a time, ", "€ and \u{1f389}."]) {
    write(piece);
    text += piece;
    await until(`“${text}” is read`, () => drafts.texts[0] === text);
  }
  expect(drafts.ends).toEqual([]);
  end();
  await published;
  await until("its end is read", () => drafts.ends[0] === "complete");
  expect(drafts.texts).toEqual([text]);
  drafts.close();
});

test("a character that is split between two chunks arrives intact", async () => {
  const drafts = await readDrafts("run_bytes");
  const { stream, write, end } = draft();
  const published = app.realtime.publish(pipeline({ runId: "run_bytes" }).draft, stream);
  const bytes = Buffer.from("a€\u{1f389}z");
  for (const byte of bytes) {
    write(Uint8Array.of(byte));
  }
  end();
  await published;
  await until("its end is read", () => drafts.ends[0] === "complete");
  expect(drafts.texts).toEqual([String(bytes)]);
  drafts.close();
});

test("a text stream whose publisher fails ends as incomplete", async () => {
  const drafts = await readDrafts("run_fails");
  const { stream, write, fail } = draft();
  const published = app.realtime.publish(pipeline({ runId: "run_fails" }).draft, stream);
  write("Once ");
  await until("the first piece is read", () => drafts.texts[0] === "Once ");
  fail(new Error("no more"));
  await expect(published).rejects.toThrow();
  await until("its end is read", () => drafts.ends[0] !== undefined);
  expect(drafts.ends[0]).not.toBe("complete");
  drafts.close();
});

test("Inngest's clients receive all messages except text streams", async () => {
  const run = pipeline({ runId: "run_guest" });
  const { key = "" } = await app.realtime.token({ channel: run, topics: ["draft", "status"] });
  const bare = await connect(server.url, { protocols: [], query: { token: key } });
  const guest = follow(await app.realtime.subscribe({ channel: run, topics: ["draft", "status"] }));
  const { stream, write, end } = draft();
  write("Once upon a time");
  end();
  await app.realtime.publish(run.draft, stream);
  await app.realtime.publish(run.status, { message: "Done", step: "complete", progress: 100 });
  await guest.count(1);
  await until("the other has it too", () => bare.frames.length > 0);
  expect(guest.messages.map(({ topic }) => topic)).toEqual(["status"]);
  expect(bare.frames.map((frame) => (JSON.parse(frame) as { kind: string }).kind)).toEqual(["data"]);
  bare.close();
});

test("Inngest's clients receive text streams if the server enables them", async () => {
  const open = await Server.start({ textStreamsForGuests: true });
  const run = pipeline({ runId: "run_open" });
  const { key = "" } = await appOf(open).realtime.token({ channel: run, topics: ["draft"] });
  const bare = await connect(open.url, { protocols: [], query: { token: key } });
  const { stream, write, end } = draft();
  write("Once upon a time");
  end();
  await appOf(open).realtime.publish(run.draft, stream);
  const frames = () => bare.frames.map((frame) => JSON.parse(frame) as Record<string, unknown>);
  await until("its end has come", () => frames().at(-1)?.["kind"] === "datastream-end");
  const [start, ...rest] = frames();
  expect(start).toMatchObject({ kind: "datastream-start", channel: "pipeline:run_open", topic: "draft" });
  expect(rest.at(-1)?.["data"]).toBe(start?.["data"]);
  const chunks = rest.slice(0, -1);
  expect(chunks.every(({ kind, stream_id }) => kind === "chunk" && stream_id === start?.["data"])).toBe(true);
  expect(chunks.map(({ data }) => data).join("")).toBe("Once upon a time");
  bare.close();
  await open.stop();
});

test("a topic accepts only its kind: messages or text streams", async () => {
  const loose = channel({
    name: "pipeline:run_kinds",
    topics: { draft: { schema: staticSchema<Record<string, unknown>>() }, status: { schema: staticSchema<Record<string, unknown>>() } },
  });
  const publish = (topic: Realtime.TopicRef, data: unknown) => app.realtime.publish(topic, data);
  await expect(publish(loose.draft, { text: "no stream" })).rejects.toThrow("415 Unsupported Media Type");
  await expect(publish(loose.draft, "no stream")).rejects.toThrow("415 Unsupported Media Type");
  const { stream, end } = draft();
  end();
  await expect(publish(loose.status, stream)).rejects.toThrow("415 Unsupported Media Type");
});
