import { ConnectionError } from "../errors.js";
import { serverUrl } from "../http/server-url.js";
import { MAX_CHANNELS } from "../wire.js";
import { Connection } from "./connection.js";
import type { ConnectionTarget } from "./connection.js";
import type { ConnectionOptions } from "./options.js";
import { webSocketConstructor } from "./transport/websocket.js";

/** All open connections of the page. */
const connections = new Set<Connection>();

/**
 * Returns the connection that all subscriptions of a page to one server share: `current`, if it leads
 * to that server.
 */
export function sharedConnection(options: ConnectionOptions, current?: Connection): Connection {
  const target = targetOf(options);
  if (current !== undefined && isSame(current.target, target)) {
    return current;
  }
  for (const connection of connections) {
    if (connection.size < MAX_CHANNELS && isSame(connection.target, target)) {
      return connection;
    }
  }
  const connection = new Connection(target, () => connections.delete(connection));
  connections.add(connection);
  return connection;
}

function targetOf({ apiBaseUrl, transport = "auto", WebSocket }: ConnectionOptions): ConnectionTarget {
  const constructor = transport === "sse" ? undefined : webSocketConstructor(WebSocket);
  const allowsEventStream = transport !== "websocket" && typeof fetch === "function";
  if (constructor === undefined && !allowsEventStream) {
    throw new ConnectionError(
      "There is no global WebSocket: use Node 22 or later, leave out `transport`, or set the option " +
        '`WebSocket`, for example to that of the npm package "ws"',
      { fatal: true },
    );
  }
  return { server: serverUrl(apiBaseUrl), WebSocket: constructor, allowsEventStream };
}

function isSame(one: ConnectionTarget, other: ConnectionTarget): boolean {
  return (
    one.server.href === other.server.href &&
    one.WebSocket === other.WebSocket &&
    one.allowsEventStream === other.allowsEventStream
  );
}
