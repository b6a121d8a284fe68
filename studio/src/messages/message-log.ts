import type { TextItem } from "../api/types.js";
import { betterText, type Entry, keyOf } from "./entry.js";

/** The most entries that the page keeps in memory. */
export const MAX_ENTRIES = 20_000;
/** How long changes are collected before the page renders, in milliseconds. */
const FLUSH_MS = 60;

/** The messages of one channel, the newest first. Each entry is in it once, from wherever it arrives. */
export class MessageLog {
  #entries: readonly Entry[] = [];
  readonly #byKey = new Map<string, Entry>();
  /** The keys of text streams, by the ids of the streams. */
  readonly #streams = new Map<string, string>();
  readonly #listeners = new Set<() => void>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The entries that were added since the last flush. */
  #added: Entry[] = [];
  /** Whether an entry was replaced since the last flush. */
  #isChanged = false;
  /** Whether old entries were removed to save memory. */
  isCut = false;

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  has(entry: Entry): boolean {
    return this.#byKey.has(keyOf(entry));
  }

  get isEmpty(): boolean {
    return this.#byKey.size === 0;
  }

  /** Returns `true` if the text of a stream is known from its beginning to its end. */
  isComplete({ stream_id }: TextItem): boolean {
    const known = this.#byKey.get(this.#streams.get(stream_id) ?? "");
    return known?.kind === "text" && known.has_start && known.has_end;
  }

  subscribe(onChange: () => void): () => void {
    this.#listeners.add(onChange);
    return () => this.#listeners.delete(onChange);
  }

  /** Adds entries. Of a text stream that is known, the better view is kept. */
  merge(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.#put(entry);
    }
    this.#schedule();
  }

  /** Changes the text stream that begins with an id. */
  updateText(id: string, change: { readonly text?: string; readonly error?: string; readonly stopped?: true; readonly has_end?: true }): void {
    const old = this.#byKey.get(id);
    if (old?.kind === "text") {
      this.#byKey.set(id, { ...old, ...change });
      this.#isChanged = true;
      this.#schedule();
    }
  }

  /** The ids of the text streams whose end is not known. */
  get openTexts(): readonly string[] {
    return this.#entries.filter((entry) => entry.kind === "text" && !entry.has_end).map(({ id }) => id);
  }

  #put(entry: Entry): void {
    const key = keyOf(entry);
    const oldKey = entry.kind === "text" && entry.stream_id !== "" ? this.#streams.get(entry.stream_id) : undefined;
    const old = this.#byKey.get(key) ?? this.#byKey.get(oldKey ?? "");
    if (old?.kind === "text" && entry.kind === "text") {
      this.#byKey.delete(keyOf(old));
      this.#isChanged = true;
      this.#add(betterText(old, entry));
    } else if (old === undefined) {
      this.#add(entry);
    }
  }

  #add(entry: Entry): void {
    const key = keyOf(entry);
    this.#byKey.set(key, entry);
    if (entry.kind === "text" && entry.stream_id !== "") {
      this.#streams.set(entry.stream_id, key);
    }
    this.#added.push(entry);
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => this.#flush(), FLUSH_MS);
  }

  #flush(): void {
    this.#timer = undefined;
    const added = this.#added.sort(newestFirst);
    this.#added = [];
    const oldest = added.at(-1);
    const newest = this.#entries[0];
    const hasOnlyNew = oldest !== undefined && (newest === undefined || newestFirst(oldest, newest) < 0) && !this.#isChanged;
    this.#entries = hasOnlyNew ? [...added, ...this.#entries] : [...this.#byKey.values()].sort(newestFirst);
    this.#isChanged = false;
    if (this.#entries.length > MAX_ENTRIES) {
      for (const entry of this.#entries.slice(MAX_ENTRIES)) {
        this.#byKey.delete(keyOf(entry));
        if (entry.kind === "text") this.#streams.delete(entry.stream_id);
      }
      this.#entries = this.#entries.slice(0, MAX_ENTRIES);
      this.isCut = true;
    }
    for (const listener of this.#listeners) {
      listener();
    }
  }
}

function newestFirst(a: Entry, b: Entry): number {
  if (a.id !== b.id) return a.id < b.id ? 1 : -1;
  // A gap comes before the message that follows it.
  return Number(a.kind === "gap") - Number(b.kind === "gap");
}
