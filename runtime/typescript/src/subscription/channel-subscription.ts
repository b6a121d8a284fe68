import type { ServerDefinition } from "../channel/drift.js";
import { Backoff } from "../connection/backoff.js";
import type { DelayRange } from "../connection/backoff.js";
import type { Connection, ConnectionListener } from "../connection/connection.js";
import type { ConnectionOptions, ConnectionStatus } from "../connection/options.js";
import { sharedConnection } from "../connection/shared-connection.js";
import { describeMissingGrant, hasTimeLeft, TokenSource } from "../connection/token.js";
import type { ResolvedToken, TokenInput } from "../connection/token.js";
import { ConnectionError, ProtocolError } from "../errors.js";
import { deadline } from "../util/deadline.js";
import { timing } from "../util/timing.js";
import type { CaughtUpFrame, Cursor, ErrorFrame, GapFrame, LoggedFrame, ReadyFrame, ServerFrame } from "../wire.js";
import { ResumeState } from "./resume-state.js";
import type { StateLoader } from "./state-loader.js";
import type { StateEntry, StateFunction } from "./state.js";
import { describeTokenEnd, subscribeError, toConnectionError, toFatal } from "./subscribe-error.js";
import type { Target } from "./subscribe-error.js";

/** Errors that the page's session may no longer meet because the user may have signed in since. */
const SESSION_ERRORS = ["unauthorized", "not_granted", "unknown_channel"];

export interface ChannelSubscriptionEvents {
  /** A new frame in the order of the log, or a state that was loaded. Resuming at `cursor` continues after it. */
  onFrame(frame: LoggedFrame | GapFrame | CaughtUpFrame | StateEntry, cursor: Cursor): void;
  onReady(frame: ReadyFrame): void;
  /** The server refuses the subscription, and has described its definition. */
  onRefused(definition: ServerDefinition): void;
  onStatus(status: ConnectionStatus): void;
  /** An error that the subscription survives. */
  onError(error: Error): void;
  /** The subscription has ended for good. */
  onEnd(error: ConnectionError): void;
}

export interface ChannelSubscriptionSettings extends ConnectionOptions {
  readonly token?: TokenInput | undefined;
  /** Loads the state that frames continue. With it, gaps lead to a new state and are not reported. */
  readonly state?: StateFunction<unknown> | undefined;
}

/**
 * The states of a subscription:
 *
 * ```text
 * idle ──open──▶ authorizing ──▶ connecting ──▶ subscribing ──ready──▶ subscribed ◀──▶ moving
 * ```
 *
 * - `idle`: not opened yet.
 * - `authorizing`: resolving a token and loading the state, or waiting before the next attempt to.
 * - `connecting`: waits for the connection to open. Skipped if it is open already.
 * - `subscribing`: has sent a `sub` frame and waits for the server to confirm it.
 * - `subscribed`: the server has confirmed, and messages arrive.
 * - `moving`: subscribing again, on a new connection or with a new token, while the old subscription
 *   has not been lost.
 * - `paused`, `closed`, `error`: has left the server. `open` starts again.
 *
 * A lost connection leads from the three states on the right to `connecting`; a token that ended, a
 * temporary error of the server, or a gap if states are loaded, leads to `authorizing`; `pause`, `close` and a fatal error lead from
 * any state to the last three.
 */
type State =
  | "idle"
  | "authorizing"
  | "connecting"
  | "subscribing"
  | "subscribed"
  | "moving"
  | "paused"
  | "closed"
  | "error";

/** The status that users see in each state. */
const STATUS: Readonly<Record<State, ConnectionStatus>> = {
  idle: "idle",
  authorizing: "connecting",
  connecting: "connecting",
  subscribing: "connecting",
  subscribed: "open",
  moving: "open",
  paused: "paused",
  closed: "closed",
  error: "error",
};

/** The states in which the server has a `sub` frame of this subscription, or will soon. */
const ON_SERVER: readonly State[] = ["subscribing", "subscribed", "moving"];

/**
 * A subscription to a channel, on a connection that it shares with others. It resolves and renews
 * tokens, retries, and keeps its cursor, so that it resumes after a pause or a lost connection without
 * losing messages.
 */
export class ChannelSubscription implements ConnectionListener {
  #settings: ChannelSubscriptionSettings = {};
  #resumeState: ResumeState;
  readonly #tokens = new TokenSource();
  readonly #backoff = new Backoff();
  #connection: Connection | undefined;
  #ref = "";
  #state: State = "idle";
  /** Counts transitions, so that work begun in an earlier state has no effect. */
  #transitions = 0;
  /** The token that the server has, and one that has not been sent yet. */
  #token: ResolvedToken | undefined;
  #unsentToken: ResolvedToken | undefined;
  /** Whether an earlier `sub` frame had the same token. */
  #isTokenReused = false;
  /** Whether the connection was opened for this `sub` frame, and so has the page's current session. */
  #hasCurrentSession = false;
  #hasReportedWrongChannel = false;
  /** Undefined without a state. */
  #states: StateLoader | undefined;
  #cancelTimer = (): void => {};
  /** The retry that the timer will start. */
  #pendingRetry: (() => void) | undefined;

  constructor(
    readonly target: Target,
    since: Cursor | undefined,
    readonly events: ChannelSubscriptionEvents,
  ) {
    this.#resumeState = new ResumeState(since);
  }

  get reconnectDelay(): DelayRange {
    const { reconnectMinMs = 250, reconnectMaxMs = 5000 } = this.#settings;
    return { min: reconnectMinMs, max: reconnectMaxMs };
  }

  get isWaiting(): boolean {
    return this.#state !== "connecting" && !this.#isOnServer;
  }

  get since(): Readonly<Record<string, Cursor>> | undefined {
    const { cursor } = this.#resumeState;
    return cursor === undefined ? undefined : { [this.target.channel]: cursor };
  }

  get #isOnServer(): boolean {
    return ON_SERVER.includes(this.#state);
  }

  /** Subscribes; after a pause, resumes. The settings may differ from earlier ones. */
  open(settings: ChannelSubscriptionSettings): void {
    this.#settings = settings;
    this.#backoff.reset();
    const isCurrent = this.#leave("authorizing");
    // Waits a microtask, so that a component that React mounts twice resolves one token.
    void Promise.resolve().then(() => (isCurrent() ? this.#authorize() : undefined));
  }

  /** Leaves the server. `open` resumes. */
  pause(): void {
    this.#leave("paused");
  }

  close(): void {
    this.#leave("closed");
  }

  onConnecting(): void {
    if (this.#isOnServer) {
      this.#transition("connecting");
    }
  }

  onOpen(): void {
    if (this.isWaiting) {
      return;
    }
    this.#hasCurrentSession = true;
    const token = this.#unsentToken ?? this.#token;
    const isUsable = token !== undefined && (token !== this.#token || hasTimeLeft(token.token));
    return isUsable ? this.#subscribe(token) : void this.#authorize();
  }

  onLost(closeCode: number): void {
    if (this.#settings.reconnect === false) {
      return this.onEnd(
        new ConnectionError(`The connection was lost with code ${closeCode}, and \`reconnect\` is false`, { fatal: true, closeCode }),
      );
    }
    if (this.#isOnServer) {
      this.#transition("connecting");
    }
  }

  onFailed(error: ConnectionError): void {
    if (this.#settings.reconnect === false) {
      return this.onEnd(toFatal(error));
    }
    if (this.#isOnServer) {
      this.#transition("connecting");
    }
    this.events.onError(error);
  }

  onError(error: Error): void {
    this.events.onError(error);
  }

  onEnd(error: ConnectionError): void {
    this.#leave(error.closeCode === 1000 ? "closed" : "error");
    this.events.onEnd(error);
  }

  onWake(): void {
    const retry = this.#pendingRetry;
    if (retry !== undefined) {
      this.#clearTimer();
      retry();
    }
  }

  onFrame(frame: ServerFrame): void {
    if ("channel" in frame && frame.channel !== this.target.channel) {
      return this.#reportWrongChannel(frame.channel);
    }
    switch (frame.kind) {
      case "data":
      case "datastream-start":
      case "chunk":
      case "datastream-end":
      case "run":
        return this.#resumeState.acceptFrame(frame) ? this.#deliver(frame) : undefined;
      case "gap":
      case "caught-up":
        return this.#handleMark(frame);
      case "ready":
        return this.#confirm(frame);
      case "expiring":
        return this.#token?.renewable === true ? this.#renew() : undefined;
      case "renewed":
        return this.#backoff.reset();
      case "unsubscribed":
        return this.#handleUnsubscribed(frame.code ?? "unsubscribed");
      case "error":
        return this.#state === "subscribing" || this.#state === "moving" || this.#connection?.isFixed === true
          ? this.#handleSubscribeError(frame)
          : this.#handleRenewError(frame);
      default:
        return;
    }
  }

  /** Reports only the first such frame, as more will follow. */
  #reportWrongChannel(channel: string): void {
    if (!this.#hasReportedWrongChannel) {
      this.#hasReportedWrongChannel = true;
      const message = `The server sent a frame for the channel "${channel}" to a subscription to "${this.target.channel}"`;
      this.events.onError(new ProtocolError("wrong_channel", message));
    }
  }

  #deliver(frame: LoggedFrame | GapFrame | CaughtUpFrame | StateEntry): void {
    this.events.onFrame(frame, this.#resumeState.cursor ?? "now");
  }

  #handleMark(frame: GapFrame | CaughtUpFrame): void {
    if (this.#states?.record(frame)) {
      return this.open(this.#settings);
    }
    if (frame.kind === "caught-up" || this.#resumeState.acceptGap(frame)) {
      this.#deliver(frame);
    }
  }

  /** Resolves a token, loads the state if one is needed, and subscribes. */
  async #authorize(): Promise<void> {
    const isCurrent = this.#transition("authorizing");
    try {
      const [token] = await Promise.all([this.#resolveToken(), this.#loadState(isCurrent)]);
      if (isCurrent()) {
        this.#subscribe(token);
      }
    } catch (cause) {
      if (isCurrent()) {
        this.#retry(toConnectionError(cause));
      }
    }
  }

  async #resolveToken(): Promise<ResolvedToken> {
    const { channel, topics } = this.target;
    const token = await this.#tokens.next(this.#settings.token, { channel, topics });
    // The topics are left to the server, which knows their other names.
    const missing = describeMissingGrant(token.token, channel);
    if (missing !== undefined) {
      throw new ConnectionError(missing, { fatal: true, code: "not_granted" });
    }
    return token;
  }

  async #loadState(isCurrent: () => boolean): Promise<void> {
    const { state } = this.#settings;
    this.#states = state && (this.#states ?? new (await import("./state-loader.js")).StateLoader(this));
    await this.#states?.load(state, isCurrent, (cancel) => (this.#cancelTimer = cancel));
  }

  onState(entry: StateEntry): void {
    this.#resumeState = new ResumeState(entry.position);
    this.#deliver(entry);
  }

  #subscribe(token: ResolvedToken): void {
    const connection = this.#join(token);
    const isMoving = STATUS[this.#state] === "open";
    if (!connection.isOpen) {
      this.#unsentToken = token;
      this.#transition(isMoving ? "moving" : "connecting");
      return connection.connect();
    }
    this.#isTokenReused = token === this.#token;
    this.#unsentToken = undefined;
    this.#token = token;
    this.#transition(isMoving ? "moving" : "subscribing");
    const { target, since } = this;
    connection.send({ kind: "sub", ref: this.#ref, data: token.token, ...target, since });
    this.#cancelTimer = deadline(timing.confirmTimeout, () => this.#handleConfirmTimeout(connection));
  }

  /** If nothing has arrived on the connection, the network drops its frames. Otherwise the server is slow. */
  #handleConfirmTimeout(connection: Connection): void {
    if (connection.isProven) {
      const { channel } = this.target;
      const message = `Could not subscribe to the channel "${channel}": the server did not confirm in time`;
      connection.send({ kind: "unsub", ref: this.#ref });
      this.#leaveConnection();
      return this.#retry(new ConnectionError(message, { fatal: false }));
    }
    connection.reconnect("the server did not confirm the subscription in time");
  }

  /** Joins the connection that the token leads to, which may be to another server than before. */
  #join(token: ResolvedToken): Connection {
    const { apiBaseUrl = token.apiBaseUrl, transport, WebSocket } = this.#settings;
    const options = { apiBaseUrl, transport, WebSocket };
    const connection = sharedConnection(options, this.#connection);
    if (connection !== this.#connection) {
      this.#leaveConnection();
      this.#connection = connection;
      this.#ref = connection.join(this);
    }
    return connection;
  }

  #confirm(frame: ReadyFrame): void {
    this.#resumeState.start(frame);
    this.#backoff.reset();
    this.#hasCurrentSession = false;
    const isCurrent = this.#guard();
    this.events.onReady(frame);
    // The frame is repeated when an event stream is reopened for another subscription.
    if (isCurrent() && this.#state !== "subscribed") {
      this.#transition("subscribed");
    }
  }

  /** Renews the token before it expires, and retries until then. */
  #renew(): void {
    if (this.#state !== "subscribed") {
      return;
    }
    const isCurrent = this.#guard();
    void this.#resolveToken().then(
      (token) => {
        if (isCurrent()) {
          this.#sendRenewal(token);
        }
      },
      (cause: unknown) => {
        if (isCurrent()) {
          this.#retryRenewal(toConnectionError(cause));
        }
      },
    );
  }

  #sendRenewal(token: ResolvedToken): void {
    if (this.#connection?.isFixed === true) {
      return this.#subscribe(token);
    }
    this.#token = token;
    this.#connection?.send({ kind: "renew", ref: this.#ref, data: token.token });
  }

  #handleRenewError({ code, message }: ErrorFrame): void {
    if (this.#state === "subscribed" && code !== "not_subscribed") {
      const reason = `Could not renew the token for the channel "${this.target.channel}": ${message}`;
      this.#retryRenewal(new ConnectionError(reason, { fatal: false, code }));
    }
  }

  #retryRenewal({ message, code, cause }: ConnectionError): void {
    const error = new ConnectionError(message, { fatal: false, code, cause });
    const isCurrent = this.#guard();
    this.events.onError(error);
    if (isCurrent()) {
      this.#retryLater(() => this.#renew());
    }
  }

  #handleUnsubscribed(code: string): void {
    if (!this.#isOnServer) {
      return;
    }
    if (this.#token?.renewable === true && this.#settings.reconnect !== false) {
      return void this.#authorize();
    }
    this.onEnd(new ConnectionError(describeTokenEnd(code), { fatal: true, code }));
  }

  #handleSubscribeError(frame: ErrorFrame): void {
    const isSession = this.#token !== undefined && this.#token.token === undefined;
    if (isSession && SESSION_ERRORS.includes(frame.code) && !this.#hasCurrentSession) {
      // The server knows the session from when the connection was opened. The user may have signed in since.
      this.#hasCurrentSession = true;
      return this.#connection?.reconnect("the session may have changed");
    }
    const { fingerprint, drift } = frame;
    if (fingerprint !== undefined) {
      const isCurrent = this.#guard();
      this.events.onRefused({ channel: this.target.channel, fingerprint, drift });
      if (!isCurrent()) {
        return;
      }
    }
    const error = subscribeError(frame, this.target, this.#token);
    // The token may have expired since it was resolved, or still count for the connection that was lost.
    return this.#isTokenReused && this.#token?.renewable === true && !error.fatal
      ? void this.#authorize()
      : this.#retry(error);
  }

  #retry(error: ConnectionError): void {
    if (error.fatal || this.#settings.reconnect === false) {
      return this.onEnd(toFatal(error));
    }
    const isCurrent = this.#transition("authorizing");
    this.events.onError(error);
    // The error handler may have closed or paused the subscription.
    if (isCurrent()) {
      this.#retryLater(() => void this.#authorize());
    }
  }

  #retryLater(action: () => void): void {
    this.#clearTimer();
    this.#pendingRetry = action;
    const timer = setTimeout(() => {
      this.#pendingRetry = undefined;
      action();
    }, this.#backoff.next(this.reconnectDelay));
    this.#cancelTimer = () => clearTimeout(timer);
  }

  /** Enters a state and reports the status if it changed. Returns the guard of the new state. */
  #transition(state: State): () => boolean {
    const status = STATUS[this.#state];
    this.#state = state;
    this.#transitions += 1;
    this.#clearTimer();
    const isCurrent = this.#guard();
    if (STATUS[state] !== status) {
      this.events.onStatus(STATUS[state]);
    }
    return isCurrent;
  }

  /** Returns a function that returns `true` until the next transition. */
  #guard(): () => boolean {
    const transitions = this.#transitions;
    return () => transitions === this.#transitions;
  }

  #clearTimer(): void {
    this.#cancelTimer();
    this.#pendingRetry = undefined;
  }

  /** Leaves the server and the connection, and enters a state. */
  #leave(state: State): () => boolean {
    this.#unsentToken = undefined;
    if (this.#isOnServer) {
      this.#connection?.send({ kind: "unsub", ref: this.#ref });
    }
    this.#leaveConnection();
    return this.#transition(state);
  }

  #leaveConnection(): void {
    this.#connection?.leave(this.#ref);
    this.#connection = undefined;
  }
}
