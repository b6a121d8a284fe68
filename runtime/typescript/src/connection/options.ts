import type { WebSocketConstructor } from "./transport/websocket.js";

/**
 * The state of a subscription:
 *
 * - `idle`: it was not started, or has no channel yet.
 * - `connecting`: it is being opened, or opened again after a loss. It stays so while attempts fail
 *   and are repeated; each failure is reported as an error.
 * - `open`: the server has confirmed it, and messages arrive.
 * - `paused`: it has left the server for a while, because the page is hidden, it is disabled or its
 *   reader is slow.
 * - `closed`: it was closed, or its run has ended.
 * - `error`: it has been given up; the error says why.
 */
export type ConnectionStatus = "idle" | "connecting" | "open" | "paused" | "closed" | "error";

/** What carries a connection. */
export type TransportChoice = "auto" | "websocket" | "sse";

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
   * A WebSocket, or an event stream over HTTP (`"sse"`). Default: `"auto"`, a
   * WebSocket where one can be opened and an event stream where none can. From
   * events it returns by itself: after a minute, and then less and less often up
   * to every ten minutes, it tries a WebSocket beside them, and moves over once
   * that one is open; so it does when the browser is online again or was asleep.
   */
  readonly transport?: TransportChoice | undefined;
  /**
   * The `WebSocket` constructor. Default: the global one, which browsers and
   * Node 22 have. Older Nodes use an event stream, unless given that of the npm
   * package `ws` here.
   */
  readonly WebSocket?: WebSocketConstructor | undefined;
}
