import type { WebSocketConstructor } from "./transport/websocket.js";

/**
 * The status of a subscription:
 *
 * - `idle`: it was not started, or has no channel yet.
 * - `connecting`: it is being opened, or reopened after a loss. Failed attempts do not change the
 *   status; each is reported as an error.
 * - `open`: the server has confirmed it, and messages arrive.
 * - `paused`: it has left the server for a while, because the page is hidden, `enabled` is `false`
 *   or its reader is slow.
 * - `closed`: it was closed, or its run has ended.
 * - `error`: the client has given up; the error says why.
 */
export type ConnectionStatus = "idle" | "connecting" | "open" | "paused" | "closed" | "error";

/** Which transports a connection may use. */
export type TransportChoice = "auto" | "websocket" | "sse";

/** How to connect. `subscribe`, `useRealtime` and `RealtimeStore` have the same options. */
export interface ConnectionOptions {
  /**
   * The base URL of the server's routes, up to `/v1/realtime`. In a web page it may be relative, and
   * defaults to the page's origin. Required elsewhere.
   */
  readonly apiBaseUrl?: string | undefined;
  /** Whether to reconnect when the connection is lost. Default: true. */
  readonly reconnect?: boolean | undefined;
  /** The delay before the first reconnect, in milliseconds; it doubles each time. Default: 250. */
  readonly reconnectMinMs?: number | undefined;
  /** The maximum delay between two attempts, in milliseconds. Default: 5000. */
  readonly reconnectMaxMs?: number | undefined;
  /**
   * A WebSocket, or an event stream over HTTP (`"sse"`). Default: `"auto"`, a WebSocket if one can
   * be opened and an event stream otherwise. From an event stream the client returns to a WebSocket:
   * it tries one after a minute, then less and less often, up to every ten minutes, and also when the
   * browser is online again or was asleep. The event stream stays open until the WebSocket is.
   */
  readonly transport?: TransportChoice | undefined;
  /**
   * The `WebSocket` constructor. Default: the global one, which browsers and Node 22 have. Older
   * Node versions use an event stream unless this is that of the npm package `ws`.
   */
  readonly WebSocket?: WebSocketConstructor | undefined;
}
