import { Connection } from "./connection.js";
import type { Route } from "./connection.js";
import { ConnectionError } from "../errors.js";
import type { ConnectionOptions } from "./options.js";
import { serverUrl } from "../http/server-url.js";
import { webSocketConstructor } from "./transport/websocket.js";
import { MAX_CHANNELS } from "../wire.js";

/** All open connections of the page. */
const connections = new Set<Connection>();

/**
 * Returns the connection that all subscriptions of a page to one server share: `current`, if it leads
 * to that server.
 */
export function sharedConnection(options: ConnectionOptions, current?: Connection): Connection {
  const route = routeOf(options);
  if (current !== undefined && isSame(current.route, route)) {
    return current;
  }
  for (const connection of connections) {
    if (connection.size < MAX_CHANNELS && isSame(connection.route, route)) {
      return connection;
    }
  }
  const connection = new Connection(route, () => connections.delete(connection));
  connections.add(connection);
  return connection;
}

function routeOf({ apiBaseUrl, transport = "auto", WebSocket }: ConnectionOptions): Route {
  const constructor = transport === "sse" ? undefined : webSocketConstructor(WebSocket);
  const hasEvents = transport !== "websocket" && typeof fetch === "function";
  if (constructor === undefined && !hasEvents) {
    throw new ConnectionError(
      "There is no global WebSocket: use Node 22 or later, leave out `transport`, or set the option " +
        '`WebSocket`, for example to that of the npm package "ws"',
      { fatal: true },
    );
  }
  return { server: serverUrl(apiBaseUrl), WebSocket: constructor, hasEvents };
}

function isSame(one: Route, other: Route): boolean {
  return (
    one.server.href === other.server.href &&
    one.WebSocket === other.WebSocket &&
    one.hasEvents === other.hasEvents
  );
}
