import { Backoff } from "./backoff.js";
import type { Waits } from "./backoff.js";
import { MAX_TIMER_MS } from "../util/deadline.js";
import { ConnectionError, ProtocolError } from "../errors.js";
import { isolated } from "../util/isolate.js";
import { Liveness } from "./heartbeat.js";
import { watchSurroundings } from "./environment.js";
import { timing } from "../util/timing.js";
import { openEvents } from "./transport/shared-sse.js";
import { LOST } from "./transport/transport.js";
import type { Transport } from "./transport/transport.js";
import { WebSocketTransport } from "./transport/websocket.js";
import type { WebSocketConstructor } from "./transport/websocket.js";
import { CLOSED_AS_UNUSED, isFatalClose } from "../wire.js";
import type { ClientFrame, Cursor, MalformedFrame, ServerFrame } from "../wire.js";

/** What a subscription is to the connection that carries it. */
export interface Carried {
  readonly waits: Waits;
  /** Whether it has no use for a connection yet: it waits for a token. */
  readonly isWaiting: boolean;
  /** Where to resume. */
  readonly since: Readonly<Record<string, Cursor>> | undefined;
  /** The connection was lost before anything was heard on it, and another is being made. */
  onConnecting(): void;
  /** Frames can be sent. What was subscribed has to be again. */
  onOpen(): void;
  onFrame(frame: ServerFrame): void;
  /** The connection was lost; it is being made again. */
  onLost(code: number): void;
  /** It could not be made; that is being tried again. */
  onFailed(error: ConnectionError): void;
  /** Something is wrong that changes nothing. */
  onError(error: Error): void;
  /** The server will not have this client. */
  onEnd(error: ConnectionError): void;
  /** The network or the machine is back: no need to wait any longer. */
  onReturn(): void;
}

/** A server and the ways to it. */
export interface Route {
  readonly server: URL;
  /** Undefined where only events will do. */
  readonly WebSocket: WebSocketConstructor | undefined;
  /** Whether events may stand in for a WebSocket. */
  readonly hasEvents: boolean;
}

type Kind = "websocket" | "sse";

interface Attempt {
  readonly kind: Kind;
  transport?: Transport;
  isProven: boolean;
  isClosing: boolean;
  readonly begunAt: number;
}

/** After so many WebSockets were refused where one could be opened before, events are tried. */
const PATIENCE = 3;

/**
 * The one connection of a page to a server. It carries subscriptions and knows
 * nothing of what they are about: it opens, listens for life, moves to another
 * server when told, and tries again.
 */
export class Connection {
  readonly #carried = new Map<string, Carried>();
  readonly #liveness = new Liveness(
    () => this.send({ kind: "alive" }),
    () => this.#broken(LOST, "it fell silent"),
  );
  readonly #backoff = new Backoff();
  #lastRef = 0;
  /** What is open, and what is being opened; both while the connection moves. */
  #current: Attempt | undefined;
  #upcoming: Attempt | undefined;
  #provenKind: Kind | undefined;
  #openedAt = 0;
  #failedWebSockets = 0;
  /** What went wrong in this attempt, with one transport and then the other. */
  #reasons: string[] = [];
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #returnTimer: ReturnType<typeof setTimeout> | undefined;
  #returnWait = timing.returnMin / 2;
  #lingerTimer: ReturnType<typeof setTimeout> | undefined;
  #unwatch: (() => void) | undefined;

  constructor(
    readonly route: Route,
    /** Nobody has needed it for a while. */
    readonly onIdle: () => void,
  ) {}

  get size(): number {
    return this.#carried.size;
  }

  get isOpen(): boolean {
    return this.#current !== undefined;
  }

  /** Whether another token for what is subscribed needs another `sub`. */
  get isFixed(): boolean {
    return this.#current?.transport?.isFixed === true;
  }

  /** Takes a subscription on and gives it the `ref` for its frames. */
  join(subscription: Carried): string {
    clearTimeout(this.#lingerTimer);
    const ref = String((this.#lastRef += 1));
    this.#carried.set(ref, subscription);
    this.#unwatch ??= watchSurroundings({
      onDoubt: () => this.#probe(),
      onReturn: () => this.#returned(),
      onFreeze: () => this.#broken(LOST, "the page was frozen or left"),
    });
    return ref;
  }

  leave(ref: string): void {
    this.#carried.delete(ref);
    if (this.#carried.size === 0) {
      clearTimeout(this.#lingerTimer);
      this.#lingerTimer = setTimeout(() => this.#stop(), timing.linger);
    }
  }

  /** Connects, unless that is being done or waited for. */
  wake(): void {
    if (this.#current ?? this.#upcoming ?? this.#retryTimer) {
      return;
    }
    this.#connect();
  }

  send(frame: ClientFrame): void {
    this.#current?.transport?.send(frame);
  }

  /** Whether the server was heard of. Some networks open a WebSocket and then let nothing through. */
  get isProven(): boolean {
    return this.#current?.isProven === true;
  }

  /** It is of no use: try again, and in another way. */
  giveUp(reason: string): void {
    this.#broken(LOST, reason);
  }

  #connect(): void {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    if (this.#upcoming !== undefined) {
      return;
    }
    this.#reasons = [];
    const { WebSocket, hasEvents } = this.route;
    const prefersEvents = WebSocket === undefined || this.#provenKind === "sse";
    this.#attempt(hasEvents && prefersEvents ? "sse" : "websocket");
  }

  #attempt(kind: Kind): void {
    const attempt: Attempt = { kind, isProven: false, isClosing: false, begunAt: performance.now() };
    this.#upcoming = attempt;
    const events = {
      onOpen: () => this.#opened(attempt),
      onFrames: (frames: readonly (ServerFrame | MalformedFrame)[]) => this.#receive(frames, attempt),
      onClose: (code: number, reason: string, retryAfter?: number) =>
        this.#closed(attempt, code, reason, retryAfter),
    };
    const { server, WebSocket } = this.route;
    try {
      attempt.transport =
        kind === "websocket" && WebSocket !== undefined
          ? new WebSocketTransport(WebSocket, server, events)
          : openEvents(server, (ref) => this.#carried.get(ref)?.since, events);
    } catch (cause) {
      this.#closed(attempt, LOST, cause instanceof Error ? cause.message : String(cause));
    }
  }

  #opened(attempt: Attempt): void {
    this.#upcoming = undefined;
    // Where the connection moves, what is on its way here comes again there.
    this.#current?.transport?.close("moved");
    this.#current = attempt;
    this.#openedAt = performance.now();
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    clearTimeout(this.#returnTimer);
    this.#liveness.start(attempt.kind === "sse" ? timing.firstAliveOverEvents : timing.firstAlive);
    if (attempt.kind === "sse" && this.route.WebSocket !== undefined) {
      this.#returnLater();
    }
    this.#tell((subscription) => subscription.onOpen());
  }

  #receive(frames: readonly (ServerFrame | MalformedFrame)[], attempt: Attempt): void {
    if (!attempt.isProven) {
      attempt.isProven = true;
      this.#prove(attempt.kind);
    }
    this.#liveness.heard();
    if (attempt.kind === "sse") {
      // Events are asked by opening another stream, so that whatever comes is an answer.
      this.#liveness.answered();
    }
    for (const frame of frames) {
      // Whoever got the frame before may have ended the connection.
      if (attempt !== this.#current) {
        return;
      }
      this.#dispatch(frame, attempt);
    }
  }

  #prove(kind: Kind): void {
    this.#provenKind = kind;
    this.#reasons = [];
    if (kind === "websocket") {
      this.#failedWebSockets = 0;
      this.#returnWait = timing.returnMin / 2;
    }
  }

  #dispatch(frame: ServerFrame | MalformedFrame, attempt: Attempt): void {
    if (frame.kind === "alive") {
      return this.#liveness.expect(frame.next_in);
    }
    if (frame.kind === "closing") {
      // This connection is read until another one is open.
      attempt.isClosing = true;
      return this.#connectIn(frame.reconnect_in ?? Math.random() * timing.spread);
    }
    if (frame.kind === "malformed") {
      return this.#report(new ProtocolError("malformed_frame", `The server sent ${frame.reason}`));
    }
    if (frame.ref !== undefined) {
      const subscription = this.#carried.get(frame.ref);
      return subscription && isolated(() => subscription.onFrame(frame))();
    }
    if (frame.kind === "error") {
      this.#report(new ProtocolError(frame.code, frame.message));
    }
  }

  #closed(attempt: Attempt, code: number, reason: string, retryAfter?: number): void {
    if (attempt === this.#upcoming) {
      this.#upcoming = undefined;
      return this.#failed(attempt, reason || "it cannot be reached, or it refused this client", retryAfter);
    }
    if (attempt === this.#current) {
      this.#broken(code, reason, retryAfter);
    }
  }

  /** An attempt has come to nothing. Events may do where a WebSocket does not. */
  #failed({ kind, transport, begunAt }: Attempt, reason: string, retryAfter = 0): void {
    const { WebSocket, hasEvents, server } = this.route;
    this.#reasons.push(`${transport?.address ?? server.href}: ${reason}`);
    if (kind === "websocket") {
      this.#failedWebSockets += 1;
      this.#returnWait = Math.min(2 * this.#returnWait, timing.returnMax);
    }
    if (this.#current !== undefined) {
      return this.#current.isClosing ? this.#retry(retryAfter) : this.#returnLater();
    }
    // A network that refuses is quick. One that swallows a WebSocket would swallow the next one, too.
    const wasRefused = performance.now() - begunAt < timing.open / 2;
    const isRepeated = this.#provenKind === "websocket" && wasRefused && this.#failedWebSockets < PATIENCE;
    const hasOther = kind === "sse" ? WebSocket !== undefined : hasEvents && !isRepeated;
    if (hasOther && this.#reasons.length === 1 && retryAfter === 0) {
      return this.#attempt(kind === "sse" ? "websocket" : "sse");
    }
    const message = `Could not subscribe at ${this.#reasons.join("; nor at ")}`;
    const error = new ConnectionError(message, { fatal: false });
    this.#tell((subscription) => subscription.onFailed(error));
    this.#retry(retryAfter);
  }

  /** What was open is not any more. */
  #broken(code: number, reason: string, retryAfter?: number): void {
    const attempt = this.#current;
    if (attempt === undefined) {
      return;
    }
    this.#current = undefined;
    this.#liveness.stop();
    clearTimeout(this.#returnTimer);
    attempt.transport?.close(reason);
    if (isFatalClose(code)) {
      return this.#end(attempt, code, reason);
    }
    const isUnused = [...this.#carried.values()].every(({ isWaiting }) => isWaiting);
    if (code === CLOSED_AS_UNUSED && isUnused) {
      // Whoever gets a token at last will wake it. A `sub` may have been on its way, too.
      return;
    }
    if (!attempt.isProven) {
      this.#tell((subscription) => subscription.onConnecting());
      return this.#failed(attempt, reason || `it closed the connection (${code})`, retryAfter);
    }
    // A server that accepts every connection only to close it is not asked more and more often.
    if (performance.now() - this.#openedAt >= this.#backoff.waited) {
      this.#backoff.reset();
    }
    this.#tell((subscription) => subscription.onLost(code));
    if (this.#upcoming === undefined) {
      this.#retry(retryAfter);
    }
  }

  #end(attempt: Attempt, closeCode: number, reason: string): void {
    const why = reason === "" ? "" : `: ${reason}`;
    const address = attempt.transport?.address ?? this.route.server.href;
    const message = `${address} closed the connection for good (${closeCode}${why})`;
    const error = new ConnectionError(message, { fatal: true, closeCode });
    this.#tell((subscription) => subscription.onEnd(error));
  }

  /** Connects again after a while, which the server may have asked for. */
  #retry(retryAfter?: number): void {
    if (this.#carried.size === 0 || this.#retryTimer !== undefined) {
      return;
    }
    const waits = [...this.#carried.values()].map((subscription) => subscription.waits);
    const min = Math.min(...waits.map(({ min }) => min));
    const max = Math.min(...waits.map(({ max }) => max));
    this.#connectIn(this.#backoff.next({ min, max }, retryAfter));
  }

  #connectIn(wait: number): void {
    this.#retryTimer ??= setTimeout(() => this.#connect(), Math.min(wait, MAX_TIMER_MS));
  }

  #tryWebSocket(): void {
    if (this.#upcoming === undefined) {
      this.#reasons = [];
      this.#attempt("websocket");
    }
  }

  #returnLater(): void {
    clearTimeout(this.#returnTimer);
    this.#returnTimer = setTimeout(() => this.#tryWebSocket(), this.#returnWait);
  }

  #probe(): void {
    if (this.#current !== undefined) {
      this.#liveness.ask();
    }
  }

  /** Nothing is known of what was before: ask what stands, and wait for nothing. */
  #returned(): void {
    this.#tell((subscription) => subscription.onReturn());
    this.#backoff.reset();
    this.#returnWait = timing.returnMin / 2;
    if (this.#current !== undefined && !this.#current.isClosing) {
      this.#probe();
      return this.#current.kind === "sse" && this.route.WebSocket !== undefined
        ? this.#tryWebSocket()
        : undefined;
    }
    const begunAt = this.#upcoming?.begunAt ?? -Infinity;
    const isWanted = this.#upcoming !== undefined || this.#retryTimer !== undefined;
    // An attempt from before may wait for a network that is no more.
    if (isWanted && performance.now() - begunAt > timing.fresh) {
      this.#upcoming?.transport?.close("begun anew");
      this.#upcoming = undefined;
      this.#connect();
    }
  }

  #report(error: Error): void {
    this.#tell((subscription) => subscription.onError(error));
  }

  /** Calls every subscription that is still here when its turn comes: one may close another. */
  #tell(event: (subscription: Carried) => void): void {
    for (const [ref, subscription] of [...this.#carried]) {
      if (this.#carried.get(ref) === subscription) {
        isolated(event)(subscription);
      }
    }
  }

  #stop(): void {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    clearTimeout(this.#returnTimer);
    this.#liveness.stop();
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
