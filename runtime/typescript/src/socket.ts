import { ConnectionError } from "./error.js";

/** The part of the standard `WebSocket` that this library uses. */
export interface WebSocketLike {
  // `any`: the event types of browsers, Node and `ws` do not extend each other.
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  close(code?: number, reason?: string): void;
}

/** A `WebSocket` constructor: the global one, or that of the npm package `ws`. */
export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

/** The given constructor, else the global one. */
export function webSocketConstructor(given: WebSocketConstructor | undefined): WebSocketConstructor {
  const found = given ?? (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket;
  if (found === undefined) {
    throw new ConnectionError(
      "There is no global WebSocket here: use Node 22 or later, or give the option `WebSocket`, " +
        'for example the one of the npm package "ws"',
      { fatal: true },
    );
  }
  return found;
}

/** The URL that the server's routes are served from: the given one, else the page's origin. */
export function serverUrl(apiBaseUrl: string | undefined): URL {
  const page = (globalThis as { location?: { href?: string; origin?: string } }).location;
  const base = apiBaseUrl ?? page?.origin;
  if (base === undefined || base === "null") {
    throw new ConnectionError(
      "`apiBaseUrl` is required outside of a web page, for example https://api.example.com",
      { fatal: true },
    );
  }
  try {
    return new URL(base, page?.href);
  } catch (cause) {
    throw new ConnectionError(`\`apiBaseUrl\` is not a URL: ${base}`, { fatal: true, cause });
  }
}
