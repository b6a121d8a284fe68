import { createServer } from "node:http";
import type { IncomingMessage, Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { WebSocketServer } from "ws";
import type { WebSocket } from "ws";

interface Entry {
  readonly id: string;
  readonly topic: string;
  readonly data: unknown;
}

/** A server that speaks just enough of the protocol, and misbehaves on request. */
export class TestServer {
  readonly channel = "pipeline:run_42";
  readonly tokens: string[] = [];
  readonly sinces: (string | null)[] = [];
  /** How many of the next handshakes are answered with 401. */
  refusals = 0;
  /** Whether every connection is closed as soon as it stands. */
  isFickle = false;
  fingerprint = "9f2c";
  url = "";
  #log: Entry[] = [];
  #life = 1;
  #forgotten = 0;
  readonly #sockets = new Set<WebSocket>();
  readonly #server: Server = createServer();
  readonly #webSockets = new WebSocketServer({ noServer: true, handleProtocols: () => "fanfare.v1" });

  static async start(): Promise<TestServer> {
    const server = new TestServer();
    server.#server.on("upgrade", (request, socket: Socket, head) => {
      server.#upgrade(request, socket, head);
    });
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    server.url = `http://127.0.0.1:${(server.#server.address() as AddressInfo).port}`;
    return server;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  publish(topic: string, ...payloads: unknown[]): void {
    const entries = payloads.map((data, index) => ({
      id: this.#id(this.#log.length + 1 + index),
      topic,
      data,
    }));
    this.#log.push(...entries);
    const frames = entries.map((entry) => this.#frame(entry));
    this.send(frames.length === 1 ? frames[0] : frames);
  }

  /** Sends to everyone, past the log. */
  send(frame: unknown): void {
    for (const socket of this.#sockets) {
      socket.send(typeof frame === "string" ? frame : JSON.stringify(frame));
    }
  }

  /** Cuts the wires: close code 1006 on the other side. */
  cut(): void {
    for (const socket of this.#sockets) {
      socket.terminate();
    }
    this.#sockets.clear();
  }

  close(code: number): void {
    for (const socket of this.#sockets) {
      socket.close(code);
    }
    this.#sockets.clear();
  }

  /** History lets go of what it has. */
  forget(): void {
    this.#forgotten = this.#log.length;
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const offered = (request.headers["sec-websocket-protocol"] ?? "").split(/, */);
    this.tokens.push(offered.find((name) => name.startsWith("bearer."))?.slice(7) ?? "");
    const since = new URL(request.url ?? "", "http://x").searchParams.get("since");
    this.sinces.push(since);
    if (this.refusals > 0) {
      this.refusals -= 1;
      socket.end("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      this.#sockets.add(webSocket);
      webSocket.on("close", () => this.#sockets.delete(webSocket));
      const cursors = JSON.parse(since ?? "{}") as Record<string, string>;
      this.#greet(webSocket, cursors[this.channel] ?? "now");
      if (this.isFickle) {
        webSocket.close(4401);
      }
    });
  }

  #greet(socket: WebSocket, cursor: string): void {
    const { channel, fingerprint } = this;
    const position = cursor === "now" ? this.#id(this.#log.length) : cursor;
    const seen = cursor === "start" ? 0 : this.#log.filter((entry) => entry.id <= position).length;
    socket.send(JSON.stringify({ kind: "ready", channel, position, fingerprint }));
    const first = Math.max(seen, this.#forgotten);
    if (first > seen && cursor !== "start") {
      const before = this.#id(first + 1);
      socket.send(JSON.stringify({ kind: "gap", channel, after: position, before }));
    }
    for (const entry of this.#log.slice(first)) {
      socket.send(JSON.stringify(this.#frame(entry)));
    }
  }

  #frame({ id, topic, data }: Entry): unknown {
    const created_at = "2026-11-22T03:31:00.000Z";
    return { kind: "data", channel: this.channel, topic, id, created_at, data };
  }

  #id(offset: number): string {
    return `${String(this.#life).padStart(9, "0")}-${offset.toString(36).padStart(9, "0")}`;
  }
}

/** A token as the server mints them, as far as the client reads it. */
export function tokenFor(channel: string, topics: string[], expiresIn = 60): string {
  const claims = {
    exp: Math.floor(Date.now() / 1000) + expiresIn,
    topics: topics.map((name) => ({ kind: "run", channel, name })),
  };
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${encode({ alg: "HS256" })}.${encode(claims)}.c2lnbmF0dXJl`;
}

/** Waits until something holds. */
export async function until(holds: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt += 1) {
    if (holds()) {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`It never came true: ${holds.toString()}`);
}
