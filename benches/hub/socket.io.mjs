// A server with `socket.io`.

import { Server } from "socket.io";
import { httpServer, serve } from "./control.mjs";

const publish = (message) => io.emit("m", message);
const server = httpServer(publish);
const io = new Server(server, { transports: ["websocket"] });
serve(server, publish);
