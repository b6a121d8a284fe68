import { connect, type Socket } from "node:net";
import type { Server } from "./server.js";

/** Open event streams of one server. */
export interface Connections {
  close(): void;
}

/** The most connections that the server allows per token. */
const PER_TOKEN = 100;
/** The server limits how fast an address connects, so connections come from several. */
const PER_ADDRESS = 1000;

/** Opens event streams, each with a subscription. Returns once the server has confirmed all of them. */
export async function openConnections(server: Server, count: number): Promise<Connections> {
  const sockets: Socket[] = [];
  for (let first = 0; first < count; first += PER_TOKEN) {
    const channel = `pipeline:run_connection${first / PER_TOKEN}`;
    const grants = JSON.stringify([{ channel, name: "status", kind: "run" }]);
    const { jwt } = (await (await server.fetch(`token?expires_in=3600&subject=user_${first / PER_TOKEN}`, { method: "POST", body: grants })).json()) as { jwt: string };
    const address = `127.0.1.${1 + Math.floor(first / PER_ADDRESS)}`;
    const batch = Array.from({ length: Math.min(PER_TOKEN, count - first) }, () => openStream(server.hello.url, jwt, address));
    sockets.push(...(await Promise.all(batch)));
  }
  return { close: () => sockets.forEach((socket) => socket.destroy()) };
}

function openStream(url: string, token: string, localAddress: string): Promise<Socket> {
  const { hostname, port, host } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect({ port: Number(port), host: hostname, localAddress }, () => {
      socket.write(`GET /v1/realtime/sse?token=${token} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    });
    socket.on("error", reject);
    socket.once("data", (data) => {
      const status = data.toString("latin1").split("\r\n")[0] ?? "";
      if (status.includes(" 200 ")) resolve(socket.resume());
      else reject(new Error(`the server refused a connection: ${status}`));
    });
  });
}
