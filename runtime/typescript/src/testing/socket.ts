import type { WebSocketConstructor, WebSocketLike } from "../connection/transport/websocket.js";
import { LOST } from "../connection/transport/transport.js";

/** The hub's side of a connection. */
export interface SocketEvents {
  /** Returns `false` to refuse the connection. */
  onOpen(socket: HubSocket): boolean;
  onFrame(socket: HubSocket, frame: Readonly<Record<string, unknown>>): void;
  onClose(socket: HubSocket): void;
}

/** A WebSocket that leads to the test hub. It uses no timers, so it works with fake ones. */
export class HubSocket implements WebSocketLike {
  onopen: WebSocketLike["onopen"] = null;
  onmessage: WebSocketLike["onmessage"] = null;
  onclose: WebSocketLike["onclose"] = null;
  onerror: WebSocketLike["onerror"] = null;
  #isClosed = false;

  constructor(readonly events: SocketEvents) {
    void Promise.resolve().then(() => {
      if (this.#isClosed) {
        return;
      }
      if (events.onOpen(this)) {
        this.onopen?.({});
      } else {
        this.lose();
      }
    });
  }

  /** Receives a frame from the client. */
  send(data: string): void {
    if (!this.#isClosed) {
      this.events.onFrame(this, JSON.parse(data) as Readonly<Record<string, unknown>>);
    }
  }

  /** Sends a frame to the client, as text. It arrives in a microtask, in order, as components must not change at once. */
  deliver(frame: unknown): void {
    if (!this.#isClosed) {
      void Promise.resolve().then(() => this.deliverNow(frame));
    }
  }

  /** Sends a frame that arrives at once. */
  deliverNow(frame: unknown): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  close(): void {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.events.onClose(this);
    }
  }

  /** Cuts the connection, as a network that fails does. */
  lose(): void {
    if (!this.#isClosed) {
      this.close();
      void Promise.resolve().then(() => this.onclose?.({ code: LOST, reason: "" }));
    }
  }
}

/** Returns a `WebSocket` constructor: addresses of Fanfare's routes lead to the hub, all others to `Original`. */
export function hubWebSocket(events: SocketEvents, Original: WebSocketConstructor | undefined): WebSocketConstructor {
  // A function and not a class, because it returns other objects.
  const constructor = function (url: string, protocols: string[]): WebSocketLike {
    if (isRoute(url, "connect")) {
      return new HubSocket(events);
    }
    if (Original === undefined) {
      throw new Error(`There is no WebSocket in this environment, and the test hub does not serve ${url}`);
    }
    return new Original(url, protocols);
  };
  // Code under test may compare with `WebSocket.OPEN`.
  return Object.setPrototypeOf(constructor, Original ?? Function.prototype) as unknown as WebSocketConstructor;
}

/** Returns `true` if an address is one of Fanfare's routes. */
export function isRoute(url: string, route: string): boolean {
  return new RegExp(`/v1/realtime/${route}(?:[?#]|$)`).test(url);
}
