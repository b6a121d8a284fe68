import { deadline } from "../../util/deadline.js";
import { timing } from "../../util/timing.js";
import { connectUrl, parseFrames, SUBPROTOCOL } from "../../wire.js";
import type { ClientFrame } from "../../wire.js";
import { LOST } from "./transport.js";
import type { Transport, TransportEvents } from "./transport.js";

/** The part of the standard `WebSocket` that this library uses. */
export interface WebSocketLike {
  // `any`: the event types of browsers, Node and `ws` do not extend each other.
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

/** A `WebSocket` constructor: the global one, or that of the npm package `ws`. */
export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

/** Returns the given constructor, or else the global one, if any. */
export function webSocketConstructor(
  given: WebSocketConstructor | undefined,
): WebSocketConstructor | undefined {
  return given ?? (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket;
}

/** Carries frames over a WebSocket. */
export class WebSocketTransport implements Transport {
  readonly address: string;
  readonly isFixed = false;
  readonly #socket: WebSocketLike;
  #cancelDeadline: () => void;
  /** Why a handshake failed. Node gives the HTTP status, browsers give no reason. */
  #refusal = "";

  constructor(constructor: WebSocketConstructor, server: URL, events: TransportEvents) {
    const url = connectUrl(server);
    this.address = `${url.protocol}//${url.host}${url.pathname}`;
    const socket = new constructor(url.href, [SUBPROTOCOL]);
    this.#socket = socket;
    const fail = (code: number, reason: string) => {
      this.close("lost");
      events.onClose(code, reason || this.#refusal);
    };
    socket.onopen = () => {
      this.#cancelDeadline();
      events.onOpen();
    };
    socket.onmessage = ({ data }: { data: unknown }) => {
      events.onFrames(typeof data === "string" ? parseFrames(data) : []);
    };
    socket.onclose = (event: { code: number; reason: string }) => fail(event.code, event.reason);
    socket.onerror = (event: { message?: unknown }) => {
      this.#refusal = typeof event.message === "string" ? event.message : "";
      // A close event follows, but not in every version of Node if the handshake failed.
      this.#cancelDeadline();
      this.#cancelDeadline = deadline(timing.closeEventTimeout, () => fail(LOST, ""));
    };
    this.#cancelDeadline = deadline(timing.openTimeout, () => fail(LOST, "the server did not respond in time"));
  }

  send(frame: ClientFrame): void {
    this.#socket.send(JSON.stringify(frame));
  }

  close(reason: string): void {
    this.#cancelDeadline();
    const socket = this.#socket;
    socket.onopen = null;
    socket.onmessage = null;
    socket.onclose = null;
    // Closing a socket that is still connecting raises an error event.
    socket.onerror = () => {};
    // A reason of more than 123 bytes would throw.
    socket.close(1000, reason.slice(0, 41));
  }
}
