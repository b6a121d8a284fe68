import { Backoff } from "../connection/backoff.js";
import type { Waits } from "../connection/backoff.js";
import type { Carried, Connection } from "../connection/connection.js";
import { sharedConnection } from "../connection/shared-connection.js";
import { deadline } from "../util/deadline.js";
import { ConnectionError, ProtocolError } from "../errors.js";
import type { ConnectionOptions, ConnectionStatus } from "../connection/options.js";
import { Reading } from "./resume-state.js";
import { asConnectionError, asFatal, endOfToken, refusal } from "./subscribe-error.js";
import { hasTimeLeft, missingGrant, TokenSource } from "../connection/token.js";
import type { Grant, TokenInput } from "../connection/token.js";
import { timing } from "../util/timing.js";
import type { Cursor, ErrorFrame, GapFrame, LoggedFrame, ReadyFrame, ServerFrame } from "../wire.js";

/** Refusals that another session of the same page may not meet. */
const OF_SESSION = ["unauthorized", "not_granted", "unknown_channel"];

/** What a link is for. */
export interface Target {
  readonly channel: string;
  /** All topics of the channel when undefined. */
  readonly topics: readonly string[] | undefined;
}

export interface LinkEvents {
  /** In the order in which the server sent them; each message once. Resuming at `cursor` goes on after it. */
  onFrame(frame: LoggedFrame | GapFrame, cursor: Cursor): void;
  onReady(frame: ReadyFrame): void;
  onStatus(status: ConnectionStatus): void;
  /** Something went wrong that the subscription survives. */
  onError(error: Error): void;
  /** The subscription is over for good. */
  onEnd(error: ConnectionError): void;
}

type Settings = ConnectionOptions & { readonly token: TokenInput | undefined };

/** `asking`: for a token, or about to. `lost`: the connection will be back. */
type Stage = "out" | "asking" | "lost" | "subscribing" | "standing";

/**
 * One subscription's life on a connection that it shares: its token, its place
 * in the channel, its end. It remembers how far it has read, so that it can be
 * paused and opened again with nothing lost.
 */
export class Link implements Carried {
  #settings: Settings = { token: undefined };
  readonly #reading: Reading;
  readonly #tokens = new TokenSource();
  readonly #backoff = new Backoff();
  #connection: Connection | undefined;
  #ref = "";
  #stage: Stage = "out";
  #status: ConnectionStatus = "idle";
  /** The token that the server has, and one that it has not seen yet. */
  #grant: Grant | undefined;
  #freshGrant: Grant | undefined;
  /** Whether an earlier `sub` had the same token. */
  #isReused = false;
  /** Whether the connection was opened for this `sub`, and so with the session that the page has now. */
  #hasLatestSession = false;
  #wasMisdirected = false;
  #cancelTimer = (): void => {};
  /** What waits until an attempt may be made. */
  #waiting: (() => void) | undefined;
  /** Whatever was begun in an earlier stage compares this and keeps still. */
  #epoch = 0;

  constructor(
    readonly target: Target,
    since: Cursor | undefined,
    readonly events: LinkEvents,
  ) {
    this.#reading = new Reading(since);
  }

  get waits(): Waits {
    const { reconnectMinMs = 250, reconnectMaxMs = 5000 } = this.#settings;
    return { min: reconnectMinMs, max: reconnectMaxMs };
  }

  get isWaiting(): boolean {
    return this.#stage === "asking" || this.#stage === "out";
  }

  get since(): Readonly<Record<string, Cursor>> | undefined {
    const { cursor } = this.#reading;
    return cursor === undefined ? undefined : { [this.target.channel]: cursor };
  }

  /** Subscribes, after a pause from where it stopped. Settings may differ from earlier ones. */
  open(settings: Settings): void {
    this.#leave();
    this.#settings = settings;
    this.#backoff.reset();
    this.#enter("asking");
    const epoch = this.#epoch;
    this.#setStatus("connecting");
    // One turn later, so that a component which React mounts twice asks for one token.
    void Promise.resolve().then(() => (epoch === this.#epoch ? this.#ask() : undefined));
  }

  /** Leaves the server. `open` continues. */
  pause(): void {
    this.#leave();
    this.#setStatus("paused");
  }

  close(): void {
    this.#leave();
    this.#setStatus("closed");
  }

  onConnecting(): void {
    this.#setStatus("connecting");
  }

  onOpen(): void {
    if (this.#stage === "asking" || this.#stage === "out") {
      return;
    }
    this.#hasLatestSession = true;
    const grant = this.#freshGrant ?? this.#grant;
    const isUsable = grant !== undefined && (grant !== this.#grant || hasTimeLeft(grant.token));
    return isUsable ? this.#subscribe(grant) : void this.#ask();
  }

  onLost(closeCode: number): void {
    if (this.#settings.reconnect === false) {
      return this.onEnd(
        new ConnectionError(`The connection was lost (${closeCode})`, { fatal: true, closeCode }),
      );
    }
    if (this.#stage === "standing" || this.#stage === "subscribing") {
      this.#enter("lost");
      this.#setStatus("connecting");
    }
  }

  onFailed(error: ConnectionError): void {
    if (this.#settings.reconnect === false) {
      return this.onEnd(asFatal(error));
    }
    if (this.#stage === "standing" || this.#stage === "subscribing") {
      this.#enter("lost");
    }
    this.#setStatus("connecting");
    this.events.onError(error);
  }

  onError(error: Error): void {
    this.events.onError(error);
  }

  onEnd(error: ConnectionError): void {
    this.#leave();
    this.#setStatus(error.closeCode === 1000 ? "closed" : "error");
    this.events.onEnd(error);
  }

  onReturn(): void {
    const action = this.#waiting;
    if (action !== undefined) {
      this.#clearTimer();
      action();
    }
  }

  onFrame(frame: ServerFrame): void {
    if ("channel" in frame && frame.channel !== this.target.channel) {
      return this.#misdirected(frame.channel);
    }
    switch (frame.kind) {
      case "data":
      case "datastream-start":
      case "chunk":
      case "datastream-end":
      case "run":
        return this.#reading.takes(frame) ? this.#pass(frame) : undefined;
      case "gap":
        return this.#reading.takesGap(frame) ? this.#pass(frame) : undefined;
      case "ready":
        return this.#ready(frame);
      case "expiring":
        return this.#grant?.renewable === true ? this.#renew() : undefined;
      case "renewed":
        return this.#backoff.reset();
      case "unsubscribed":
        return this.#unsubscribed(frame.code ?? "unsubscribed");
      case "error":
        return this.#stage === "subscribing" || this.#connection?.isFixed === true
          ? this.#refused(frame)
          : this.#notRenewed(frame);
      default:
        return;
    }
  }

  /** Says so once: whatever makes the server send one such frame makes it send more. */
  #misdirected(channel: string): void {
    if (!this.#wasMisdirected) {
      this.#wasMisdirected = true;
      const message = `The server sent a frame of the channel "${channel}" to a subscription to "${this.target.channel}"`;
      this.events.onError(new ProtocolError("wrong_channel", message));
    }
  }

  #pass(frame: LoggedFrame | GapFrame): void {
    this.events.onFrame(frame, this.#reading.cursor ?? "now");
  }

  /** Asks for a token and subscribes with it. */
  async #ask(): Promise<void> {
    this.#enter("asking");
    const epoch = this.#epoch;
    this.#setStatus("connecting");
    try {
      const grant = await this.#nextGrant();
      if (epoch === this.#epoch) {
        this.#subscribe(grant);
      }
    } catch (cause) {
      if (epoch === this.#epoch) {
        this.#tryAgain(asConnectionError(cause));
      }
    }
  }

  async #nextGrant(): Promise<Grant> {
    const grant = await this.#tokens.next(this.#settings.token);
    const { channel, topics } = this.target;
    const missing = missingGrant(grant.token, channel, topics);
    if (missing !== undefined) {
      throw new ConnectionError(missing, { fatal: true, code: "not_granted" });
    }
    return grant;
  }

  #subscribe(grant: Grant): void {
    const connection = this.#join(grant);
    if (!connection.isOpen) {
      this.#freshGrant = grant;
      this.#enter("lost");
      return connection.wake();
    }
    this.#isReused = grant === this.#grant;
    this.#freshGrant = undefined;
    this.#grant = grant;
    this.#enter("subscribing");
    const { target, since } = this;
    connection.send({ kind: "sub", ref: this.#ref, data: grant.token, ...target, since });
    this.#cancelTimer = deadline(timing.confirm, () => this.#unconfirmed(connection));
  }

  /** A network that lets nothing through is the connection's matter, a server that is slow this one's. */
  #unconfirmed(connection: Connection): void {
    const reason = "it did not confirm the subscription in time";
    if (connection.isProven) {
      const { channel } = this.target;
      const message = `Could not subscribe to the channel "${channel}": the server did not confirm it in time`;
      connection.send({ kind: "unsub", ref: this.#ref });
      this.#part();
      return this.#tryAgain(new ConnectionError(message, { fatal: false }));
    }
    connection.giveUp(reason);
  }

  /** A token may lead to another server than the one before. */
  #join(grant: Grant): Connection {
    const { apiBaseUrl = grant.apiBaseUrl, transport, WebSocket } = this.#settings;
    const options = { apiBaseUrl, transport, WebSocket };
    const connection = sharedConnection(options, this.#connection);
    if (connection !== this.#connection) {
      this.#part();
      this.#connection = connection;
      this.#ref = connection.join(this);
    }
    return connection;
  }

  #ready(frame: ReadyFrame): void {
    this.#reading.begin(frame);
    this.#backoff.reset();
    this.#hasLatestSession = false;
    // It comes again where an event stream is opened for the sake of another subscription.
    if (this.#stage !== "standing") {
      this.#enter("standing");
    }
    this.events.onReady(frame);
    this.#setStatus("open");
  }

  /** Another token, before the one that the server has ends. Until then it is tried again and again. */
  #renew(): void {
    if (this.#stage !== "standing") {
      return;
    }
    const epoch = this.#epoch;
    void this.#nextGrant().then(
      (grant) => {
        if (epoch === this.#epoch) {
          this.#sendRenewal(grant);
        }
      },
      (cause: unknown) => {
        if (epoch === this.#epoch) {
          this.#renewLater(asConnectionError(cause));
        }
      },
    );
  }

  #sendRenewal(grant: Grant): void {
    if (this.#connection?.isFixed === true) {
      return this.#subscribe(grant);
    }
    this.#grant = grant;
    this.#connection?.send({ kind: "renew", ref: this.#ref, data: grant.token });
  }

  #notRenewed({ code, message }: ErrorFrame): void {
    if (this.#stage === "standing" && code !== "not_subscribed") {
      const reason = `The token of the channel "${this.target.channel}" was not renewed: ${message}`;
      this.#renewLater(new ConnectionError(reason, { fatal: false, code }));
    }
  }

  #renewLater({ message, code, cause }: ConnectionError): void {
    const error = new ConnectionError(message, { fatal: false, code, cause });
    const epoch = this.#epoch;
    this.events.onError(error);
    if (epoch === this.#epoch) {
      this.#wait(() => this.#renew());
    }
  }

  #unsubscribed(code: string): void {
    if (this.#stage !== "standing" && this.#stage !== "subscribing") {
      return;
    }
    if (this.#grant?.renewable === true && this.#settings.reconnect !== false) {
      return void this.#ask();
    }
    this.onEnd(new ConnectionError(endOfToken(code), { fatal: true, code }));
  }

  #refused(frame: ErrorFrame): void {
    const isSession = this.#grant !== undefined && this.#grant.token === undefined;
    if (isSession && OF_SESSION.includes(frame.code) && !this.#hasLatestSession) {
      // The server knows the session of when the connection was opened. The user may have signed in since.
      this.#hasLatestSession = true;
      return this.#connection?.giveUp("the session may be another one by now");
    }
    const error = refusal(frame, this.target.channel, this.#grant);
    // The token may have ended since it was fetched, or be counted on the connection that was lost.
    return this.#isReused && this.#grant?.renewable === true && !error.fatal ? void this.#ask() : this.#tryAgain(error);
  }

  #tryAgain(error: ConnectionError): void {
    if (error.fatal || this.#settings.reconnect === false) {
      return this.onEnd(asFatal(error));
    }
    this.#enter("asking");
    const epoch = this.#epoch;
    this.#setStatus("connecting");
    this.events.onError(error);
    // Whoever was told may have closed or paused the subscription.
    if (epoch === this.#epoch) {
      this.#wait(() => void this.#ask());
    }
  }

  #wait(action: () => void): void {
    this.#clearTimer();
    this.#waiting = action;
    const timer = setTimeout(() => {
      this.#waiting = undefined;
      action();
    }, this.#backoff.next(this.waits));
    this.#cancelTimer = () => clearTimeout(timer);
  }

  #enter(stage: Stage): void {
    this.#epoch += 1;
    this.#stage = stage;
    this.#clearTimer();
  }

  #clearTimer(): void {
    this.#cancelTimer();
    this.#waiting = undefined;
  }

  #setStatus(status: ConnectionStatus): void {
    // A subscription that only moves stands all the while.
    if (status !== this.#status) {
      this.#status = status;
      this.events.onStatus(status);
    }
  }

  #leave(): void {
    const isHeld = this.#stage === "standing" || this.#stage === "subscribing";
    this.#enter("out");
    this.#freshGrant = undefined;
    if (isHeld) {
      this.#connection?.send({ kind: "unsub", ref: this.#ref });
    }
    this.#part();
  }

  #part(): void {
    this.#connection?.leave(this.#ref);
    this.#connection = undefined;
  }
}
