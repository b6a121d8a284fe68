// A server on `ws`, to be measured: a loop over all clients.

import { WebSocketServer } from "ws";
import { httpServer, serve } from "./control.mjs";

const publish = (message) => {
  for (const client of sockets.clients) client.send(message);
};
const server = httpServer(publish);
const sockets = new WebSocketServer({ server });
serve(server, publish);
