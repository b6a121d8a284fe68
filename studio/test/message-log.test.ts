import { expect, test } from "vitest";
import type { HistoryItem, MessageItem, TextItem } from "../src/api/types.js";
import { joinPages } from "../src/messages/entry.js";
import { MAX_ENTRIES, MessageLog } from "../src/messages/message-log.js";

function message(number: number): MessageItem {
  const id = `a-${String(number).padStart(6, "0")}`;
  return { kind: "message", id, topic: "status", created_at: "2026-01-01T00:00:00.000Z", payload: number };
}

function text(number: number, content: string, has_start: boolean, has_end: boolean): TextItem {
  const { payload: _, ...head } = message(number);
  return { ...head, kind: "text", stream_id: "s", text: content, has_start, has_end };
}

async function flushed(log: MessageLog): Promise<MessageLog["entries"]> {
  await new Promise((resolve) => setTimeout(resolve, 100));
  return log.entries;
}

test("entries are sorted, and each is in the list once", async () => {
  const log = new MessageLog();
  log.merge([message(1), message(3)]);
  log.merge([message(2), message(3)]);
  expect((await flushed(log)).map(({ id }) => id)).toEqual(["a-000003", "a-000002", "a-000001"]);
});

test("pages are joined exactly, also if a text stream is on several", () => {
  const pages = [[text(9, "o", false, true), message(8)], [message(6), text(5, "lo, hell", false, false)], [text(1, "hel", true, false), message(0)]];
  const joined = pages.reduce<readonly HistoryItem[]>((newer, older) => joinPages(older, newer), []);
  expect(joined).toHaveLength(4);
  expect(joined.find(({ kind }) => kind === "text")).toMatchObject({ id: "a-000001", text: "hello, hello", has_start: true, has_end: true });
});

test("a text stream becomes longer, and a part without its beginning does not replace it", async () => {
  const log = new MessageLog();
  log.merge([text(1, "hel", true, false)]);
  log.merge([text(1, "hello", true, false)]);
  log.merge([text(3, "lo", false, false)]);
  log.merge([text(1, "hell", true, false)]);
  expect(await flushed(log)).toMatchObject([{ id: "a-000001", text: "hello", has_start: true, has_end: false }]);
});

test("the oldest entries are removed beyond the limit", async () => {
  const log = new MessageLog();
  log.merge(Array.from({ length: MAX_ENTRIES + 5 }, (_, number) => message(number)));
  const entries = await flushed(log);
  expect(entries).toHaveLength(MAX_ENTRIES);
  expect(entries.at(-1)).toEqual(message(5));
  expect(log.isCut).toBe(true);
});
