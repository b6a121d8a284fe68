import { type RunUpdate, subscribe, type SubscriptionHandle, TextStreamError } from "fanfare";
import { type Api, messageOf } from "../api/api.js";
import type { Definition, HistoryItem, Page, RunEventItem } from "../api/types.js";
import { joinPages } from "./entry.js";
import { MessageLog } from "./message-log.js";

const PAGE = 200;
const POLL_MS = 1000;
/** The most pages that are read to reach the messages that are known, or the beginning of a text stream. */
const MAX_PAGES = 50;
const TOKEN_SECONDS = 600;

export interface FeedState {
  readonly mode: "live" | "polling" | "off";
  readonly isLoading: boolean;
  readonly hasOlder: boolean;
  readonly error: string | undefined;
}

/**
 * The messages of one channel, past and live.
 *
 * With the signing key it subscribes, with tokens that it mints. An admin token cannot subscribe, so the feed then polls
 * the history.
 */
export class Feed {
  readonly log = new MessageLog();
  state: FeedState = { mode: "off", isLoading: true, hasOlder: false, error: undefined };
  readonly #listeners = new Set<() => void>();
  #abort = new AbortController();
  #subscription: SubscriptionHandle | undefined;
  #position: string | undefined;
  #older: string | undefined;
  /** The ids of the text streams that the subscription delivers. */
  readonly #live = new Set<string>();
  #isLoadingOlder = false;

  constructor(
    readonly api: Api,
    readonly channel: string,
    readonly definition: Definition | undefined,
  ) {}

  subscribe(onChange: () => void): () => void {
    this.#listeners.add(onChange);
    return () => this.#listeners.delete(onChange);
  }

  /** Loads the newest messages, and receives new ones until `stop`. Continues after the last message that it received. */
  start(): void {
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    const first = this.#position === undefined ? this.#loadFirst(signal) : Promise.resolve();
    if (this.api.hasSigningKey && this.definition !== undefined) {
      void this.#follow(this.definition, signal, first);
      void first.then(() => this.#poll(signal, () => this.log.openTexts.some((id) => !this.#live.has(id))));
    } else {
      this.#set({ mode: "polling" });
      void first.then(() => this.#poll(signal, () => true));
    }
  }

  stop(): void {
    this.#position = this.#subscription?.position ?? this.#position;
    this.#subscription = undefined;
    this.#abort.abort();
    this.#set({ mode: "off" });
  }

  /** Loads a page of older messages. */
  async loadOlder(): Promise<void> {
    if (this.#isLoadingOlder || this.#older === undefined) return;
    this.#isLoadingOlder = true;
    try {
      await this.#loadBack(this.#older, new AbortController().signal);
      this.#set({ error: undefined });
    } catch (error) {
      this.#set({ error: messageOf(error) });
    } finally {
      this.#isLoadingOlder = false;
    }
  }

  async #loadFirst(signal: AbortSignal): Promise<void> {
    try {
      await this.#loadBack(undefined, signal);
      this.#set({ isLoading: false });
    } catch (error) {
      if (!signal.aborted) this.#set({ isLoading: false, error: messageOf(error) });
    }
  }

  async #loadBack(cursor: string | undefined, signal: AbortSignal): Promise<void> {
    const { items, next } = await this.#walk(cursor, () => true, signal);
    this.log.merge(items);
    this.#older = next;
    this.#set({ hasOlder: next !== undefined });
  }

  async #follow({ topics }: Definition, signal: AbortSignal, first: Promise<void>): Promise<void> {
    const names = topics.map(({ name }) => name);
    const grants = names.map((name) => ({ channel: this.channel, name, kind: "run" as const }));
    try {
      this.#subscription = await subscribe({
        channel: this.channel,
        topics: names,
        token: () => this.api.mint(grants, { expires_in: TOKEN_SECONDS, subject: "studio" }),
        since: this.#position ?? "now",
        validate: false,
        apiBaseUrl: location.origin,
        abortSignal: signal,
        onMessage: (message) => {
          const { id, topic, runId, createdAt } = message;
          const head = { id, topic, created_at: createdAt.toISOString(), ...(runId === undefined ? {} : { run_id: runId }) };
          if (message.kind === "data") {
            this.log.merge([{ kind: "message", ...head, payload: message.data }]);
          } else {
            this.log.merge([{ kind: "text", ...head, stream_id: "", text: "", has_start: true, has_end: false }]);
            void this.#readText(id, message.data);
          }
        },
        onRun: (update) => this.log.merge([runEventOf(update)]),
        onGap: ({ after, before }) => {
          this.log.merge([{ kind: "gap", id: before, created_at: new Date().toISOString(), after, before }]);
          void this.#fill(after, signal);
        },
        onError: (error) => this.#set({ error: error.message }),
      });
      this.#set({ mode: "live", error: undefined });
      void this.#subscription.closed.then((error) => {
        if (error !== null && !signal.aborted) this.#set({ mode: "off", error: error.message });
      });
      // Loads what was published between the first page and the start of the subscription.
      await first;
      await this.#catchUp(signal);
    } catch (error) {
      if (!signal.aborted) this.#set({ mode: "off", error: messageOf(error) });
    }
  }

  async #readText(id: string, text: ReadableStream<string>): Promise<void> {
    const reader = text.getReader();
    let whole = "";
    this.#live.add(id);
    try {
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        whole += part.value;
        this.log.updateText(id, { text: whole });
      }
      this.log.updateText(id, { has_end: true });
    } catch (error) {
      const isStopped = error instanceof TextStreamError && error.reason === "stopped";
      const isClosed = error instanceof TextStreamError && error.reason === "closed";
      // A paused list reads the rest from the history.
      if (isClosed) return;
      this.log.updateText(id, { has_end: true, error: messageOf(error), ...(isStopped ? { stopped: true } : {}) });
    } finally {
      this.#live.delete(id);
    }
  }

  async #poll(signal: AbortSignal, isNeeded: () => boolean): Promise<void> {
    while (!signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      if (!signal.aborted && !document.hidden && isNeeded()) {
        await this.#catchUp(signal);
      }
    }
  }

  /** Reads from the newest message back to one that is known. */
  async #catchUp(signal: AbortSignal): Promise<void> {
    const wasEmpty = this.log.isEmpty;
    const isConnected = (items: readonly HistoryItem[]) => items.some((item) => (item.kind !== "text" || item.has_start) && this.log.has(item));
    try {
      const { items, next } = await this.#walk(undefined, isConnected, signal);
      const isWhole = next === undefined || isConnected(items);
      this.log.merge(items);
      if (wasEmpty) {
        this.#older = next;
        this.#set({ hasOlder: next !== undefined });
      } else if (!isWhole) {
        this.#set({ error: "Too many messages were published at once to show all of them. Reload the page." });
      } else if (this.state.mode === "polling") {
        this.#set({ error: undefined });
      }
    } catch (error) {
      if (!signal.aborted) this.#set({ error: messageOf(error) });
    }
  }

  /** Reads what the storage still has of a gap. */
  async #fill(after: string, signal: AbortSignal): Promise<void> {
    try {
      const { items } = await this.#walk(undefined, (read) => read.some(({ id }) => id <= after), signal);
      this.log.merge(items);
    } catch (error) {
      if (!signal.aborted) this.#set({ error: messageOf(error) });
    }
  }

  /** Reads pages, the newest first, until a condition is met and every text stream has its beginning. */
  async #walk(
    cursor: string | undefined,
    isFar: (items: readonly HistoryItem[]) => boolean,
    signal: AbortSignal,
  ): Promise<Page<HistoryItem>> {
    let items: readonly HistoryItem[] = [];
    let next = cursor;
    for (let pages = 0; pages < MAX_PAGES; pages += 1) {
      const page = await this.#page({ cursor: next }, signal);
      items = joinPages(page.items, items);
      next = page.next;
      const isWhole = items.every((item) => item.kind !== "text" || item.has_start || this.log.isComplete(item));
      if (next === undefined || (isWhole && isFar(items))) break;
    }
    return next === undefined ? { items } : { items, next };
  }

  #page(parameters: { readonly cursor?: string | undefined }, signal?: AbortSignal): Promise<Page<HistoryItem>> {
    return this.api.get("admin/history", { channel: this.channel, limit: PAGE, ...parameters }, signal);
  }

  #set(change: Partial<FeedState>): void {
    this.state = { ...this.state, ...change };
    for (const listener of this.#listeners) {
      listener();
    }
  }
}

/** Returns a run event in the form of the history. */
function runEventOf(update: RunUpdate): RunEventItem {
  const { id, createdAt, runId, status, attempt, runError, haltReason, waitingFor, questionIds } = update;
  const payload = {
    status,
    ...(attempt === undefined ? {} : { attempt }),
    ...(runError === undefined ? {} : { error: status === "failed" ? runError : runError.message }),
    ...(haltReason === undefined ? {} : { halted: haltReason }),
    ...(waitingFor.length === 0 ? {} : { waitingFor, questions: questionIds }),
    ...("result" in update ? { result: update.result } : {}),
  };
  return { kind: "run", id, created_at: createdAt.toISOString(), ...(runId === undefined ? {} : { run_id: runId }), payload };
}
