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

/** Joins two parts of one text stream, which can overlap. */
export function joinTexts(a: TextItem, b: TextItem): TextItem {
  const [first, second] = a.id <= b.id ? [a, b] : [b, a];
  if (a.id === b.id) {
    const longer = b.text.length >= a.text.length ? b : a;
    return { ...longer, has_end: a.has_end || b.has_end };
  }
  const overlap = overlapOf(first.text, second.text);
  return {
    ...first,
    text: first.text + second.text.slice(overlap),
    has_end: first.has_end || second.has_end,
    ...(second.error === undefined ? {} : { error: second.error }),
    ...(second.stopped === undefined ? {} : { stopped: second.stopped }),
  };
}

/** Returns the length of the longest end of a text with which another one begins. */
function overlapOf(first: string, second: string): number {
  for (let length = Math.min(first.length, second.length); length > 0; length -= 1) {
    if (first.endsWith(second.slice(0, length))) return length;
  }
  return 0;
}
