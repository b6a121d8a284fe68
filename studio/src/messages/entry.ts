import type { HistoryItem, TextItem } from "../api/types.js";

/** A gap that the server reported: subscribers can no longer receive the messages in it. */
export interface GapEntry {
  readonly kind: "gap";
  readonly id: string;
  readonly created_at: string;
  readonly after: string;
  readonly before: string;
}

/** A row of the list of messages. */
export type Entry = HistoryItem | GapEntry;

/** Run events have this topic in `history`. */
export const RUN_TOPIC = "$run";

export function topicOf(entry: Entry): string {
  return entry.kind === "run" ? RUN_TOPIC : entry.kind === "gap" ? "" : entry.topic;
}

/** Identifies an entry, however often and from wherever it arrives. */
export function keyOf(entry: Entry): string {
  return entry.kind === "gap" ? `gap ${entry.after}` : entry.id;
}

const MAX_PREVIEW = 300;

/** Returns the text of an entry's row. */
export function previewOf(entry: Entry): string {
  switch (entry.kind) {
    case "gap":
      return "Subscribers missed messages here";
    case "text":
      return entry.text.length > MAX_PREVIEW ? `…${entry.text.slice(-MAX_PREVIEW)}` : entry.text;
    case "run":
      return runPreview(Object(entry.payload) as Readonly<Record<string, unknown>>);
    default:
      return compactJson(entry.payload).slice(0, MAX_PREVIEW);
  }
}

function runPreview(payload: Readonly<Record<string, unknown>>): string {
  const { status, attempt, waitingFor, halted, error, result } = payload;
  const message = (Object(error) as { message?: unknown }).message ?? error;
  return [
    String(status),
    attempt === undefined ? "" : `attempt ${String(attempt)}`,
    Array.isArray(waitingFor) && waitingFor.length > 0 ? `waits for ${waitingFor.join(" or ")}` : "",
    halted === undefined ? "" : `halted: ${String(halted)}`,
    message === undefined ? "" : String(message),
    result === undefined ? "" : compactJson(result).slice(0, MAX_PREVIEW),
  ]
    .filter((part) => part !== "")
    .join(" · ");
}

const jsonTexts = new WeakMap<object, string>();

function compactJson(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "";
  const known = jsonTexts.get(value);
  if (known !== undefined) return known;
  const text = JSON.stringify(value);
  jsonTexts.set(value, text);
  return text;
}

/** Returns `true` if an entry contains a text, in any letter case. */
export function contains(entry: Entry, lowerCase: string): boolean {
  if (entry.kind === "gap") return true;
  const text = entry.kind === "text" ? entry.text : compactJson(entry.payload);
  return `${topicOf(entry)} ${entry.run_id ?? ""} ${text}`.toLowerCase().includes(lowerCase);
}

/** Returns the better of two views of a text stream: the one that has its beginning, or the longer one, or the later. */
export function betterText(old: TextItem, later: TextItem): TextItem {
  if (old.id === later.id) {
    const longer = later.text.length >= old.text.length ? later : old;
    return { ...longer, stream_id: later.stream_id || old.stream_id, has_end: old.has_end || later.has_end };
  }
  return old.has_start ? old : later;
}

/**
 * Joins a page of the history to those after it, from which it was reached: a text stream that continues on the next page
 * becomes one item.
 */
export function joinPages(older: readonly HistoryItem[], newer: readonly HistoryItem[]): readonly HistoryItem[] {
  const continued = new Map(newer.flatMap((item) => (item.kind === "text" && !item.has_start ? [[item.stream_id, item]] : [])));
  const joined = older.map((item) => {
    const rest = item.kind === "text" ? continued.get(item.stream_id) : undefined;
    if (item.kind !== "text" || rest === undefined) return item;
    continued.delete(item.stream_id);
    return { ...rest, id: item.id, created_at: item.created_at, text: item.text + rest.text, has_start: item.has_start };
  });
  const isJoined = (item: HistoryItem) => item.kind === "text" && !item.has_start && !continued.has(item.stream_id);
  return [...newer.filter((item) => !isJoined(item)), ...joined];
}
