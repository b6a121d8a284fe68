import { ConnectionError, ProtocolError } from "../errors.js";
import { MAX_TIMER_MS } from "../util/deadline.js";
import { isolate } from "../util/isolate.js";
import { messageOf } from "../util/message-of.js";
import { timing } from "../util/timing.js";
import { CLOSE_UNUSED, isFatalClose } from "../wire.js";
import type { ClientFrame, Cursor, MalformedFrame, ServerFrame } from "../wire.js";
import { Backoff } from "./backoff.js";
import type { DelayRange } from "./backoff.js";
import { watchEnvironment } from "./environment.js";
import { Heartbeat } from "./heartbeat.js";
import { openEventStream } from "./transport/event-stream.js";
import { LOST } from "./transport/transport.js";
import type { Transport } from "./transport/transport.js";
import { WebSocketTransport } from "./transport/websocket.js";
import type { WebSocketConstructor } from "./transport/websocket.js";

/** A subscription, as the connection that carries it sees it. */
export interface ConnectionListener {
  /** The delays between attempts to reconnect. */
  readonly reconnectDelay: DelayRange;
  /** Whether it needs no connection yet, for example because it has no token. */
  readonly isWaiting: boolean;
  /** The cursor to resume from, by channel. */
  readonly since: Readonly<Record<string, Cursor>> | undefined;
  /** The connection was lost before a frame arrived on it. Another attempt has begun. */
  onConnecting(): void;
  /** Frames can be sent. The listener must subscribe again. */
  onOpen(): void;
  onFrame(frame: ServerFrame): void;
  /** The connection was lost and will be restored. */
  onLost(code: number): void;
  /** An attempt to connect failed and will be repeated. */
  onFailed(error: ConnectionError): void;
  /** An error that does not affect the connection. */
  onError(error: Error): void;
  /** The server closed the connection for good. */
  onEnd(error: ConnectionError): void;
  /** The network is back or the machine woke: pending retries need not wait any longer. */
  onWake(): void;
}

/** A server and the transports that reach it. */
export interface ConnectionTarget {
  readonly server: URL;
  /** Undefined if only event streams are used. */
  readonly WebSocket: WebSocketConstructor | undefined;
  /** Whether an event stream may be used. */
  readonly allowsEventStream: boolean;
}

type TransportKind = "websocket" | "sse";

/** An attempt to open a transport, and that transport once it is open. */
interface Attempt {
  readonly kind: TransportKind;
  transport?: Transport;
  /** Whether a frame has arrived. */
  isProven: boolean;
  /** Whether the server is about to close it. */
  isClosing: boolean;
  readonly startedAt: number;
}

/** After this many refused WebSockets in a row, if one was open before, an event stream is tried. */
const MAX_REFUSED_WEBSOCKETS = 3;

/**
 * A page's connection to a server. It carries the frames of all subscriptions, and does not know
 * what they mean. It detects a dead connection, reconnects with backoff, changes the transport if
 * one is blocked, and moves to a new connection when the server is closing.
 */
export class Connection {
  readonly #listeners = new Map<string, ConnectionListener>();
  readonly #heartbeat = new Heartbeat(
    () => this.send({ kind: "alive" }),
    () => this.#disconnect(LOST, "the server did not answer a heartbeat probe"),
  );
  readonly #backoff = new Backoff();
  #lastRef = 0;
  /** The open transport, and the one that is being opened. Both are set while the connection moves. */
  #current: Attempt | undefined;
  #upcoming: Attempt | undefined;
  #provenKind: TransportKind | undefined;
  #openedAt = 0;
  #failedWebSockets = 0;
  /** Why this attempt failed, with one transport and then the other. */
  #reasons: string[] = [];
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #webSocketTimer: ReturnType<typeof setTimeout> | undefined;
  #webSocketDelay = timing.webSocketRetryMin / 2;
  #idleTimer: ReturnType<typeof setTimeout> | undefined;
  #unwatch: (() => void) | undefined;

  constructor(
    readonly target: ConnectionTarget,
    /** Called when the connection closes because it has had no subscription for a while. */
    readonly onIdle: () => void,
  ) {}

  get size(): number {
    return this.#listeners.size;
  }

  get isOpen(): boolean {
    return this.#current !== undefined;
  }

  /** Whether renewing a token requires another `sub` frame. */
  get isFixed(): boolean {
    return this.#current?.transport?.isFixed === true;
  }

  /** Adds a subscription and returns the `ref` of its frames. */
  join(listener: ConnectionListener): string {
    clearTimeout(this.#idleTimer);
    const ref = String((this.#lastRef += 1));
    this.#listeners.set(ref, listener);
    this.#unwatch ??= watchEnvironment({
      onOffline: () => this.#probe(),
      onWake: () => this.#wake(),
      onFreeze: () => this.#disconnect(LOST, "the page was frozen or left"),
    });
    return ref;
  }

  leave(ref: string): void {
    this.#listeners.delete(ref);
    if (this.#listeners.size === 0) {
      clearTimeout(this.#idleTimer);
      this.#idleTimer = setTimeout(() => this.#stop(), timing.idleTimeout);
    }
  }

  /** Connects, unless the connection is open, being opened or waiting for the next attempt. */
  connect(): void {
    if (this.#current ?? this.#upcoming ?? this.#retryTimer) {
      return;
    }
    this.#connect();
  }

  send(frame: ClientFrame): void {
    this.#current?.transport?.send(frame);
  }

  /** Whether a frame has arrived. Some networks open a WebSocket and then drop all frames. */
  get isProven(): boolean {
    return this.#current?.isProven === true;
  }

  /** Drops the current transport and reconnects, perhaps with the other one. */
  reconnect(reason: string): void {
    this.#disconnect(LOST, reason);
  }

  #connect(): void {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    if (this.#upcoming !== undefined) {
      return;
    }
    this.#reasons = [];
    const { WebSocket, allowsEventStream } = this.target;
    const prefersEvents = WebSocket === undefined || this.#provenKind === "sse";
    this.#attempt(allowsEventStream && prefersEvents ? "sse" : "websocket");
  }

  #attempt(kind: TransportKind): void {
    const attempt: Attempt = { kind, isProven: false, isClosing: false, startedAt: performance.now() };
    this.#upcoming = attempt;
    const events = {
      onOpen: () => this.#handleOpen(attempt),
      onFrames: (frames: readonly (ServerFrame | MalformedFrame)[]) => this.#receive(frames, attempt),
      onClose: (code: number, reason: string, retryAfter?: number) =>
        this.#handleClose(attempt, code, reason, retryAfter),
    };
    const { server, WebSocket } = this.target;
    try {
      attempt.transport =
        kind === "websocket" && WebSocket !== undefined
          ? new WebSocketTransport(WebSocket, server, events)
          : openEventStream(server, (ref) => this.#listeners.get(ref)?.since, events);
    } catch (cause) {
      this.#handleClose(attempt, LOST, messageOf(cause));
    }
  }

  #handleOpen(attempt: Attempt): void {
    this.#upcoming = undefined;
    // Frames still in flight on the old transport are sent again on the new one.
    this.#current?.transport?.close("moved");
    this.#current = attempt;
    this.#openedAt = performance.now();
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    clearTimeout(this.#webSocketTimer);
    this.#heartbeat.start(attempt.kind === "sse" ? timing.firstHeartbeatOverEvents : timing.firstHeartbeat);
    if (attempt.kind === "sse" && this.target.WebSocket !== undefined) {
      this.#scheduleWebSocket();
    }
    this.#notify((listener) => listener.onOpen());
  }

  #receive(frames: readonly (ServerFrame | MalformedFrame)[], attempt: Attempt): void {
    if (!attempt.isProven) {
      attempt.isProven = true;
      this.#markProven(attempt.kind);
    }
    this.#heartbeat.recordFrame();
    if (attempt.kind === "sse") {
      // An event stream is probed by reopening it, so every frame is an answer.
      this.#heartbeat.recordAnswer();
    }
    for (const frame of frames) {
      // The previous frame may have ended the connection.
      if (attempt !== this.#current) {
        return;
      }
      this.#dispatch(frame, attempt);
    }
  }

  #markProven(kind: TransportKind): void {
    this.#provenKind = kind;
    this.#reasons = [];
    if (kind === "websocket") {
      this.#failedWebSockets = 0;
      this.#webSocketDelay = timing.webSocketRetryMin / 2;
    }
  }

  #dispatch(frame: ServerFrame | MalformedFrame, attempt: Attempt): void {
    if (frame.kind === "alive") {
      return this.#heartbeat.expectWithin(frame.next_in);
    }
    if (frame.kind === "closing") {
      // The old transport is read until the new one is open.
      attempt.isClosing = true;
      return this.#connectAfter(frame.reconnect_in ?? Math.random() * timing.reconnectSpread);
    }
    if (frame.kind === "malformed") {
      return this.#report(new ProtocolError("malformed_frame", `The server sent ${frame.reason}`));
    }
    if (frame.ref !== undefined) {
      const listener = this.#listeners.get(frame.ref);
      return listener && isolate(() => listener.onFrame(frame))();
    }
    if (frame.kind === "error") {
      this.#report(new ProtocolError(frame.code, frame.message));
    }
  }

  #handleClose(attempt: Attempt, code: number, reason: string, retryAfter?: number): void {
    if (attempt === this.#upcoming) {
      this.#upcoming = undefined;
      return this.#handleFailure(attempt, reason || "it is unreachable, or it refused the connection", retryAfter);
    }
    if (attempt === this.#current) {
      this.#disconnect(code, reason, retryAfter);
    }
  }

  /**
   * Handles a failed attempt: tries the other transport at once if that may help, else reports and
   * retries.
   */
  #handleFailure({ kind, transport, startedAt }: Attempt, reason: string, retryAfter = 0): void {
    const { WebSocket, allowsEventStream, server } = this.target;
    this.#reasons.push(`${transport?.address ?? server.href} (${reason})`);
    if (kind === "websocket") {
      this.#failedWebSockets += 1;
      this.#webSocketDelay = Math.min(2 * this.#webSocketDelay, timing.webSocketRetryMax);
    }
    if (this.#current !== undefined) {
      return this.#current.isClosing ? this.#retry(retryAfter) : this.#scheduleWebSocket();
    }
    // A refusal is quick and may be temporary. A network that drops a WebSocket's packets drops the
    // next one's too.
    const wasRefused = performance.now() - startedAt < timing.openTimeout / 2;
    const isRepeated = this.#provenKind === "websocket" && wasRefused && this.#failedWebSockets < MAX_REFUSED_WEBSOCKETS;
    const hasOther = kind === "sse" ? WebSocket !== undefined : allowsEventStream && !isRepeated;
    if (hasOther && this.#reasons.length === 1 && retryAfter === 0) {
      return this.#attempt(kind === "sse" ? "websocket" : "sse");
    }
    const message = `Could not connect to ${this.#reasons.join(" or to ")}`;
    const error = new ConnectionError(message, { fatal: false });
    this.#notify((listener) => listener.onFailed(error));
    this.#retry(retryAfter);
  }

  /** Handles the loss of the open transport. */
  #disconnect(code: number, reason: string, retryAfter?: number): void {
    const attempt = this.#current;
    if (attempt === undefined) {
      return;
    }
    this.#current = undefined;
    this.#heartbeat.stop();
    clearTimeout(this.#webSocketTimer);
    attempt.transport?.close(reason);
    if (isFatalClose(code)) {
      return this.#handleFatalClose(attempt, code, reason);
    }
    const isUnused = [...this.#listeners.values()].every(({ isWaiting }) => isWaiting);
    if (code === CLOSE_UNUSED && isUnused) {
      // The next subscription that gets a token connects again. If one needs it already, a `sub` was in flight.
      return;
    }
    if (!attempt.isProven) {
      this.#notify((listener) => listener.onConnecting());
      return this.#handleFailure(attempt, reason || `the server closed the connection with code ${code}`, retryAfter);
    }
    // The backoff keeps growing against a server that accepts every connection only to close it.
    if (performance.now() - this.#openedAt >= this.#backoff.lastDelay) {
      this.#backoff.reset();
    }
    this.#notify((listener) => listener.onLost(code));
    if (this.#upcoming === undefined) {
      this.#retry(retryAfter);
    }
  }

  #handleFatalClose(attempt: Attempt, closeCode: number, reason: string): void {
    const why = reason === "" ? "" : `: ${reason}`;
    const address = attempt.transport?.address ?? this.target.server.href;
    const message = `${address} closed the connection permanently, with code ${closeCode}${why}`;
    const error = new ConnectionError(message, { fatal: true, closeCode });
    this.#notify((listener) => listener.onEnd(error));
  }

  /** Reconnects after a delay, which the server may have requested. */
  #retry(retryAfter?: number): void {
    if (this.#listeners.size === 0 || this.#retryTimer !== undefined) {
      return;
    }
    const delays = [...this.#listeners.values()].map(({ reconnectDelay }) => reconnectDelay);
    const min = Math.min(...delays.map(({ min }) => min));
    const max = Math.min(...delays.map(({ max }) => max));
    this.#connectAfter(this.#backoff.next({ min, max }, retryAfter));
  }

  #connectAfter(delay: number): void {
    this.#retryTimer ??= setTimeout(() => this.#connect(), Math.min(delay, MAX_TIMER_MS));
  }

  #tryWebSocket(): void {
    if (this.#upcoming === undefined) {
      this.#reasons = [];
      this.#attempt("websocket");
    }
  }

  #scheduleWebSocket(): void {
    clearTimeout(this.#webSocketTimer);
    this.#webSocketTimer = setTimeout(() => this.#tryWebSocket(), this.#webSocketDelay);
  }

  #probe(): void {
    if (this.#current !== undefined) {
      this.#heartbeat.probe();
    }
  }

  /** The state of everything is unknown: probes the open connection and retries the others at once. */
  #wake(): void {
    this.#notify((listener) => listener.onWake());
    this.#backoff.reset();
    this.#webSocketDelay = timing.webSocketRetryMin / 2;
    if (this.#current !== undefined && !this.#current.isClosing) {
      this.#probe();
      return this.#current.kind === "sse" && this.target.WebSocket !== undefined
        ? this.#tryWebSocket()
        : undefined;
    }
    const startedAt = this.#upcoming?.startedAt ?? -Infinity;
    const isWanted = this.#upcoming !== undefined || this.#retryTimer !== undefined;
    // An older attempt may be waiting for a network that is gone.
    if (isWanted && performance.now() - startedAt > timing.minRestartAge) {
      this.#upcoming?.transport?.close("restarted");
      this.#upcoming = undefined;
      this.#connect();
    }
  }

  #report(error: Error): void {
    this.#notify((listener) => listener.onError(error));
  }

  /** Calls every listener that has not left when its turn comes, because one may close another. */
  #notify(event: (listener: ConnectionListener) => void): void {
    for (const [ref, listener] of [...this.#listeners]) {
      if (this.#listeners.get(ref) === listener) {
        isolate(event)(listener);
      }
    }
  }

  #stop(): void {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    clearTimeout(this.#webSocketTimer);
    this.#heartbeat.stop();
    this.#unwatch?.();
    this.#unwatch = undefined;
    for (const attempt of [this.#current, this.#upcoming]) {
      attempt?.transport?.close("no subscription");
    }
    this.#current = undefined;
    this.#upcoming = undefined;
    this.onIdle();
  }
}
