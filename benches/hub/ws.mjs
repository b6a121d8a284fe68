// A server with `ws` that sends to all clients in a loop.

import { WebSocketServer } from "ws";
import { httpServer, serve } from "./control.mjs";

const publish = (message) => {
  for (const client of sockets.clients) client.send(message);
};
const server = httpServer(publish);
const sockets = new WebSocketServer({ server });
serve(server, publish);
