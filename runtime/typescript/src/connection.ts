import { ConnectionError, ProtocolError } from "./error.js";
import { serverUrl, webSocketConstructor } from "./socket.js";
import type { WebSocketConstructor, WebSocketLike } from "./socket.js";
import { missingGrant, resolveToken, seemsExpired } from "./token.js";
import type { Grant, TokenInput } from "./token.js";
import { advance, connectUrl, isFatalClose, parseFrames, subprotocols } from "./wire.js";
import type { Cursor, DataFrame, GapFrame, ReadyFrame, RunFrame, ServerFrame } from "./wire.js";

/** Where a subscription stands. */
export type ConnectionStatus = "idle" | "connecting" | "open" | "paused" | "closed" | "error";

/** How to connect; the same options on `subscribe` and `useRealtime`. */
export interface ConnectionOptions {
  /**
   * Where the server's routes are served from, up to `/v1/realtime`. In a web
   * page it may be relative; the default is the page's origin. Required elsewhere.
   */
  readonly apiBaseUrl?: string | undefined;
  /** Whether to connect again when the connection is lost. Default: true. */
  readonly reconnect?: boolean | undefined;
  /** The wait before the first reconnect, in milliseconds; it doubles each time. Default: 250. */
  readonly reconnectMinMs?: number | undefined;
  /** The longest wait between two attempts, in milliseconds. Default: 5000. */
  readonly reconnectMaxMs?: number | undefined;
  /**
   * The `WebSocket` constructor. Default: the global one, which browsers and
   * Node 22 have. On older Nodes give that of the npm package `ws`.
   */
  readonly WebSocket?: WebSocketConstructor | undefined;
}

/** What a connection is for. */
export interface Target {
  readonly channel: string;
  /** All topics of the channel when undefined. */
  readonly topics: readonly string[] | undefined;
}

export interface ConnectionEvents {
  /** In the order in which the server sent them; each message once. */
  onFrame(frame: DataFrame | RunFrame | GapFrame): void;
  onReady(frame: ReadyFrame): void;
  onStatus(status: ConnectionStatus): void;
  /** Something went wrong that the connection survives. */
  onError(error: Error): void;
  /** The connection is over for good. */
  onEnd(error: ConnectionError): void;
}

type Settings = ConnectionOptions & { readonly token: TokenInput | undefined };

/** A server that accepts a connection and then says nothing is given up after this time. */
const READY_TIMEOUT_MS = 15_000;
/** How long to wait for the close event after an error event. */
const CLOSE_TIMEOUT_MS = 200;
/** A server that has not told how often it shows that it is there may be silent for so long. */
const SILENCE_MS = 60_000;
/** However often a server says that it shows itself, a moment's silence is no reason to leave. */
const SHORTEST_SILENCE_MS = 100;
/** Beyond this, timers fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** After `closing`, the server may take this long to send what is waiting. */
const DRAIN_TIMEOUT_MS = 5_000;

/**
 * The life of a socket: connecting, resuming, giving up. It remembers how far
 * it has read, so that it can be paused and opened again with nothing lost.
 */
export class Connection {
  #settings: Settings = { token: undefined };
  readonly #cursors = new Map<string, Cursor>();
  /** The last message's id of each topic: what was sent twice is not passed on twice. */
  readonly #lastIds = new Map<string, string>();
  #lastGap = "";
  #socket: WebSocketLike | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #silenceTimer: ReturnType<typeof setTimeout> | undefined;
  #longestSilence = SILENCE_MS;
  #heardAt = 0;
  #failures = 0;
  #readyAt = 0;
  /** How long the last attempt was put off. */
  #waitedMs = 0;
  /** Callbacks that were set up in an earlier attempt compare this and keep still. */
  #attempt = 0;
  #isReady = false;
  #isClosing = false;
  #refusal = "";

  constructor(
    readonly target: Target,
    since: Cursor | undefined,
    readonly events: ConnectionEvents,
  ) {
    if (since !== undefined && since !== "now") {
      this.#cursors.set(target.channel, since);
    }
  }

  /** Connects, after a pause from where it stopped. Settings may differ from earlier ones. */
  open(settings: Settings): void {
    this.#leave("reopened");
    this.#settings = settings;
    this.#failures = 0;
    void this.#connect();
  }

  /** Leaves the server. `open` continues. */
  pause(): void {
    this.#leave("paused");
    this.events.onStatus("paused");
  }

  close(reason = "closed"): void {
    this.#leave(reason);
    this.events.onStatus("closed");
  }

  async #connect(): Promise<void> {
    const attempt = ++this.#attempt;
    this.#isReady = false;
    this.#isClosing = false;
    this.#refusal = "";
    this.events.onStatus("connecting");
    try {
      // One turn later, so that a component which React mounts twice asks for one token.
      await Promise.resolve();
      if (attempt !== this.#attempt) {
        return;
      }
      const constructor = webSocketConstructor(this.#settings.WebSocket);
      const grant = await resolveToken(this.#settings.token);
      if (attempt !== this.#attempt) {
        return;
      }
      this.#openSocket(constructor, grant, attempt);
    } catch (cause) {
      if (attempt === this.#attempt) {
        this.#fail(asConnectionError(cause));
      }
    }
  }

  #openSocket(constructor: WebSocketConstructor, grant: Grant, attempt: number): void {
    const { channel, topics } = this.target;
    const missing = missingGrant(grant.token, channel, topics);
    if (missing !== undefined) {
      throw new ConnectionError(missing, { fatal: true });
    }
    const url = connectUrl(
      serverUrl(this.#settings.apiBaseUrl ?? grant.apiBaseUrl),
      this.#cursors,
    );
    // Without the cursors, so that the same failure has the same words.
    const address = `${url.protocol}//${url.host}${url.pathname}`;
    const socket = new constructor(url.href, subprotocols(grant.token));
    this.#socket = socket;
    socket.onmessage = (event: { data: unknown }) => {
      if (attempt === this.#attempt) {
        this.#receive(event.data, attempt);
      }
    };
    socket.onclose = (event: { code: number; reason: string }) => {
      if (attempt === this.#attempt) {
        this.#closed(event.code, event.reason, address, grant);
      }
    };
    socket.onerror = (event: { message?: unknown }) => {
      if (attempt !== this.#attempt) {
        return;
      }
      // Browsers tell nothing here, Node tells the HTTP status.
      this.#refusal = typeof event.message === "string" ? event.message : "";
      // The close event follows, but not in every Node when the handshake failed.
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#closed(1006, "", address, grant), CLOSE_TIMEOUT_MS);
    };
    this.#timer = setTimeout(() => {
      this.#leave("no answer");
      this.#fail(
        new ConnectionError(`${address} did not confirm the subscription in time`, {
          fatal: false,
        }),
      );
    }, READY_TIMEOUT_MS);
  }

  #receive(text: unknown, attempt: number): void {
    this.#heardAt = performance.now();
    const frames = typeof text === "string" ? parseFrames(text) : [];
    for (const frame of frames) {
      // Whoever got the frame before may have paused or closed the connection.
      if (attempt !== this.#attempt) {
        return;
      }
      if (frame.kind === "malformed") {
        this.events.onError(new ProtocolError("malformed_frame", `The server sent ${frame.reason}`));
      } else if (!("channel" in frame) || frame.channel === this.target.channel) {
        this.#dispatch(frame);
      }
    }
  }

  #dispatch(frame: ServerFrame): void {
    switch (frame.kind) {
      case "data":
        return this.#data(frame);
      case "run":
        return this.events.onFrame(frame);
      case "gap":
        return this.#gap(frame);
      case "ready":
        return this.#ready(frame);
      case "error":
        return this.events.onError(new ProtocolError(frame.code, frame.message));
      case "alive":
        return this.#watch(Math.max(SHORTEST_SILENCE_MS, 2.5 * frame.next_in));
      case "closing":
        return this.#drain();
      default:
        return;
    }
  }

  #ready(frame: ReadyFrame): void {
    clearTimeout(this.#timer);
    this.#isReady = true;
    this.#readyAt = performance.now();
    this.#cursors.set(frame.channel, frame.position);
    this.#watch(SILENCE_MS);
    this.events.onReady(frame);
    this.events.onStatus("open");
  }

  /** A dead network closes no socket. One that is silent for longer than this is left. */
  #watch(longestSilence: number): void {
    this.#longestSilence = longestSilence;
    clearTimeout(this.#silenceTimer);
    // Every message would be too often to set a timer.
    const rest = this.#heardAt + this.#longestSilence - performance.now();
    this.#silenceTimer = setTimeout(() => {
      if (performance.now() - this.#heardAt < this.#longestSilence) {
        return this.#watch(this.#longestSilence);
      }
      this.#leave("silent");
      this.#lost(1006);
    }, Math.min(rest, LONGEST_TIMER_MS));
  }

  #data(frame: DataFrame): void {
    const { channel, topic, id } = frame;
    this.#cursors.set(channel, advance(this.#cursors.get(channel), id));
    const lastId = this.#lastIds.get(topic);
    if (lastId === undefined || id > lastId) {
      this.#lastIds.set(topic, id);
      this.events.onFrame(frame);
    }
  }

  #gap(frame: GapFrame): void {
    // Another server's ids may be smaller; held against the last one here, its messages were lost.
    if ([...this.#lastIds.values()].some((lastId) => lastId >= frame.before)) {
      this.#lastIds.clear();
    }
    // The same gap comes again when the connection is lost before a message follows.
    const gap = JSON.stringify([frame.after, frame.before]);
    if (gap !== this.#lastGap) {
      this.#lastGap = gap;
      this.events.onFrame(frame);
    }
  }

  /** What is still waiting arrives before the server closes: a restarted one may not have it. */
  #drain(): void {
    this.#isClosing = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#leave("drained");
      this.#lost(1001);
    }, DRAIN_TIMEOUT_MS);
  }

  #closed(code: number, reason: string, address: string, grant: Grant): void {
    const wasReady = this.#isReady;
    this.#leave("closed by the server");
    if (isFatalClose(code)) {
      const why = reason === "" ? "" : `: ${reason}`;
      return this.#end(
        new ConnectionError(`${address} closed the connection for good (${code}${why})`, {
          fatal: true,
          closeCode: code,
        }),
      );
    }
    if (!wasReady) {
      return this.#fail(
        new ConnectionError(`Could not subscribe at ${address}: ${this.#hint(grant)}`, {
          fatal: false,
          closeCode: code,
        }),
      );
    }
    this.#lost(code);
  }

  #lost(code: number): void {
    if (this.#settings.reconnect === false) {
      return this.#end(
        new ConnectionError(`The connection was lost (${code})`, {
          fatal: true,
          closeCode: code,
        }),
      );
    }
    // A server that accepts every connection only to close it is not asked more and more often.
    if (performance.now() - this.#readyAt >= this.#waitedMs) {
      this.#failures = 0;
    }
    const attempt = this.#attempt;
    this.events.onStatus("closed");
    // Whoever was told may have closed or paused the connection.
    if (attempt === this.#attempt) {
      this.#retry();
    }
  }

  #hint(grant: Grant): string {
    if (seemsExpired(grant.token)) {
      return grant.renewable
        ? "the token has expired"
        : "the token has expired; give a function as `token` so that a new one can be fetched";
    }
    return this.#refusal === ""
      ? "it cannot be reached, or it refused the token; a WebSocket does not say which"
      : this.#refusal;
  }

  #fail(error: ConnectionError): void {
    if (error.fatal || this.#settings.reconnect === false) {
      return this.#end(
        error.fatal
          ? error
          : new ConnectionError(error.message, {
              fatal: true,
              closeCode: error.closeCode,
              cause: error.cause,
            }),
      );
    }
    const attempt = this.#attempt;
    this.events.onStatus("error");
    this.events.onError(error);
    if (attempt === this.#attempt) {
      this.#retry();
    }
  }

  #end(error: ConnectionError): void {
    this.#leave("ended");
    this.events.onStatus(error.closeCode === 1000 ? "closed" : "error");
    this.events.onEnd(error);
  }

  #retry(): void {
    const { reconnectMinMs = 250, reconnectMaxMs = 5000 } = this.#settings;
    const longest = Math.min(reconnectMaxMs, reconnectMinMs * 2 ** this.#failures);
    // A server that said goodbye expects its clients; scattered, as there may be many.
    const shortest = this.#isClosing ? 0 : longest / 2;
    this.#failures += 1;
    this.#waitedMs = shortest + Math.random() * (longest - shortest);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#connect(), this.#waitedMs);
  }

  #leave(reason: string): void {
    this.#attempt += 1;
    clearTimeout(this.#timer);
    clearTimeout(this.#silenceTimer);
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket !== undefined) {
      socket.onmessage = null;
      socket.onclose = null;
      // `onerror` stays: closing a socket that is still connecting raises an error event.
      // More than 123 bytes would throw.
      socket.close(1000, reason.slice(0, 41));
    }
  }
}

function asConnectionError(cause: unknown): ConnectionError {
  if (cause instanceof ConnectionError) {
    return cause;
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ConnectionError(`Could not connect: ${reason}`, { fatal: false, cause });
}
