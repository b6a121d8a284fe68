import { createServer } from "node:http";
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { WebSocketServer } from "ws";

interface Entry {
  readonly id: string;
  readonly frame: Readonly<Record<string, unknown>>;
}

/** A signal that was received. */
export interface SentSignal {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

interface ClientFrame {
  readonly kind: string;
  readonly ref: string;
  readonly data: string;
  readonly topics?: readonly string[];
  readonly since?: Readonly<Record<string, string>>;
  readonly fingerprint?: string;
}

/** A connected client, over any transport. */
interface Client {
  readonly transport: "websocket" | "sse";
  readonly refs: Set<string>;
  send(frame: unknown): void;
  close(code: number): void;
  terminate(): void;
}

/** A server that implements the necessary part of the protocol, and misbehaves on request. */
export class TestServer {
  readonly channel = "pipeline:run_42";
  /** The token of each `sub`, and its `since` for the channel. */
  readonly tokens: string[] = [];
  readonly sinces: (string | null)[] = [];
  readonly renewals: string[] = [];
  /** The number of `sub` frames that will be answered with an error of this code. */
  refusals = 0;
  refusalCode = "unauthorized";
  /** The number of `sub` frames that will not be answered. */
  silences = 0;
  /** The number of `renew` frames that will be refused. */
  refusedRenewals = 0;
  /** The number of WebSocket handshakes that will be answered with 401. */
  refusedHandshakes = 0;
  /** The number of handshakes and streams so far. */
  handshakes = 0;
  streams = 0;
  /** The number of heartbeat probes so far. */
  probes = 0;
  /** Whether every connection is closed as soon as it is open. */
  isFickle = false;
  /** Whether frames from clients are ignored, over all transports or one. */
  isDeaf: boolean | "websocket" = false;
  /** Whether WebSocket handshakes are neither answered nor refused. */
  ignoresHandshakes = false;
  /** Whether streams are answered with 503. */
  refusesStreams = false;
  /**
   * The signals that arrived, and the answers to the next ones: 0 cuts the connection, -1 never
   * answers, and the data of a 200 is added to the receipt.
   */
  readonly signals: SentSignal[] = [];
  /** The header `Retry-After` of refusals. */
  retryAfter: string | undefined;
  /** The number of streams that will be refused with 429. */
  refusedStreams = 0;
  signalAnswers: (readonly [status: number, data?: object | null, error?: string])[] = [];
  /** The number of signals whose client had given up. */
  abandoned = 0;
  fingerprint = "9f2c";
  /** The drift that clients with another fingerprint receive. */
  drift: object = { kind: "unknown" };
  url = "";
  #log: Entry[] = [];
  #life = 1;
  #forgotten = 0;
  readonly #clients = new Set<Client>();
  readonly #server: Server = createServer((request, response) => void this.#answer(request, response));
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

  /** The position after all messages. */
  get position(): string {
    return this.#id(this.#log.length);
  }

  get connections(): number {
    return this.#clients.size;
  }

  /** The number of subscriptions. */
  get subscriptions(): number {
    return [...this.#clients].reduce((count, { refs }) => count + refs.size, 0);
  }

  publish(topic: string, ...payloads: unknown[]): void {
    this.log(...payloads.map((data) => ({ kind: "data", topic, data })));
  }

  /** Sends a run event. */
  run(data: unknown, runId = "run_42"): void {
    this.log({ kind: "run", run_id: runId, data });
  }

  /** Appends frames to the channel's log, and sends them in one message. */
  log(...frames: Readonly<Record<string, unknown>>[]): void {
    const entries = frames.map((frame): Entry => {
      const id = this.#id(this.#log.length + 1);
      const { channel } = this;
      const entry = { id, frame: { channel, id, created_at: "2026-11-22T03:31:00.000Z", ...frame } };
      this.#log.push(entry);
      return entry;
    });
    this.#toEach((client, ref) => client.send([ref, ...entries.map(({ frame }) => frame)]));
  }

  /** Sends frames to all clients without logging them. Frames about a channel go to each subscription. */
  send(frame: string | Readonly<Record<string, unknown>>): void {
    if (typeof frame === "object" && ("channel" in frame || "channels" in frame || "in" in frame)) {
      this.#toEach((client, ref) => client.send({ ...frame, ref }));
      return;
    }
    for (const client of this.#clients) {
      client.send(frame);
    }
  }

  /** Ends every subscription, as if its token had expired. */
  unsubscribe(code: string): void {
    this.#toEach((client, ref) => {
      client.refs.delete(ref);
      client.send({ kind: "unsubscribed", ref, channels: [this.channel], code });
    });
  }

  /** Cuts all connections. Clients see the close code 1006. */
  cut(): void {
    for (const client of this.#clients) {
      client.terminate();
    }
    this.#clients.clear();
  }

  close(code: number): void {
    for (const client of this.#clients) {
      client.close(code);
    }
    this.#clients.clear();
  }

  /** Drops the history. */
  forget(): void {
    this.#forgotten = this.#log.length;
  }

  async stop(): Promise<void> {
    this.cut();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    this.handshakes += 1;
    if (this.ignoresHandshakes) {
      socket.on("error", () => {}).on("end", () => socket.destroy()).resume();
      return;
    }
    if (this.refusedHandshakes > 0) {
      this.refusedHandshakes -= 1;
      socket.end("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      const client: Client = {
        transport: "websocket",
        refs: new Set(),
        send: (frame) => webSocket.send(typeof frame === "string" ? frame : JSON.stringify(frame)),
        close: (code) => webSocket.close(code),
        terminate: () => webSocket.terminate(),
      };
      this.#clients.add(client);
      webSocket.on("close", () => this.#clients.delete(client));
      webSocket.on("message", (data) => this.#hear(JSON.parse(String(data)) as ClientFrame, client));
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url = "", headers } = request;
    let body = "";
    for await (const chunk of request) {
      body += String(chunk);
    }
    if (!url.startsWith("/v1/realtime/signal")) {
      return this.#stream(body, response);
    }
    this.signals.push({ url, headers, body });
    response.on("close", () => (this.abandoned += response.writableEnded ? 0 : 1));
    const [status, data = null, error = `refused with ${status}`] = this.signalAnswers.shift() ?? [200];
    if (status <= 0) {
      return status === 0 ? void request.socket.destroy() : undefined;
    }
    const receipt = { run_id: "run_42", at: "2026-11-22T03:31:00.000Z" };
    response.writeHead(status, this.#retryAfter()).end(JSON.stringify(status === 200 ? { ...receipt, ...data } : { error, data, status }));
  }

  #retryAfter(): Record<string, string> {
    return this.retryAfter === undefined ? {} : { "retry-after": this.retryAfter };
  }

  #stream(body: string, response: ServerResponse): void {
    this.streams += 1;
    if (this.refusedStreams > 0) {
      this.refusedStreams -= 1;
      response.writeHead(429, this.#retryAfter()).end(JSON.stringify({ error: "too often", data: null, status: 429 }));
      return;
    }
    if (this.refusesStreams) {
      response.writeHead(503).end(JSON.stringify({ error: "no streams today", data: null, status: 503 }));
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.flushHeaders();
    const client: Client = {
      transport: "sse",
      refs: new Set(),
      send: (frame) => {
        response.write(`data: ${typeof frame === "string" ? frame : JSON.stringify(frame)}\n\n`);
      },
      close: () => response.end(),
      terminate: () => response.destroy(),
    };
    this.#clients.add(client);
    response.on("close", () => this.#clients.delete(client));
    for (const frame of JSON.parse(body) as ClientFrame[]) {
      this.#hear(frame, client);
    }
  }

  #hear(frame: ClientFrame, client: Client): void {
    const { kind, ref } = frame;
    if (this.isDeaf === true || this.isDeaf === client.transport) {
      return;
    }
    if (kind === "alive") {
      this.probes += 1;
      client.send({ kind: "alive", next_in: 15_000 });
    } else if (kind === "unsub") {
      client.refs.delete(ref);
      client.send({ kind: "unsubscribed", ref, channels: [this.channel] });
    } else if (kind === "renew") {
      this.renewals.push(frame.data);
      const error = { kind: "error", code: "unauthorized", message: "the token is not valid", ref };
      client.send(this.refusedRenewals > 0 ? error : { kind: "renewed", ref, expires_in: 60_000 });
      this.refusedRenewals -= 1;
    } else {
      this.#subscribe(frame, client);
    }
  }

  #subscribe({ ref, data, since, fingerprint }: ClientFrame, client: Client): void {
    const { channel } = this;
    this.tokens.push(data);
    this.sinces.push(since?.[channel] ?? null);
    if (this.silences > 0) {
      this.silences -= 1;
      return;
    }
    if (this.refusals > 0) {
      this.refusals -= 1;
      const { refusalCode: code, drift } = this;
      const definition = code === "unknown_topic" ? { fingerprint: this.fingerprint, drift } : {};
      client.send({ kind: "error", code, message: "the token is not valid", ref, ...definition });
      return;
    }
    client.send({ kind: "subscribed", ref, channels: [channel] });
    client.refs.add(ref);
    this.#greet(client, ref, since?.[channel] ?? "now", fingerprint);
    if (this.isFickle) {
      client.close(4401);
    }
  }

  #greet(client: Client, ref: string, cursor: string, pageFingerprint?: string): void {
    const { channel, fingerprint } = this;
    const isDrifted = pageFingerprint !== undefined && pageFingerprint !== fingerprint;
    const drift = isDrifted ? { drift: this.drift } : {};
    const news = this.#log.findLast(({ frame }) => frame["kind"] === "run");
    const end = this.#id(this.#log.length);
    const position = cursor === "now" ? (news === undefined ? end : `${end}~`) : cursor;
    const [from = "", had] = position.split("~");
    const seen = cursor === "start" ? 0 : this.#log.filter((entry) => entry.id <= from).length;
    client.send({ kind: "ready", ref, channel, position, fingerprint, ...drift });
    if (news !== undefined && had !== undefined && news.id > had && news.id <= from) {
      client.send([ref, news.frame]);
    }
    const first = Math.max(seen, this.#forgotten);
    if (first > seen && cursor !== "start") {
      const before = this.#id(first + 1);
      client.send({ kind: "gap", ref, channel, after: position, before });
    }
    for (const entry of this.#log.slice(first)) {
      client.send([ref, entry.frame]);
    }
    client.send({ kind: "caught-up", ref, channel });
  }

  #toEach(act: (client: Client, ref: string) => void): void {
    for (const client of this.#clients) {
      for (const ref of client.refs) {
        act(client, ref);
      }
    }
  }

  #id(offset: number): string {
    return `${String(this.#life).padStart(9, "0")}-${offset.toString(36).padStart(9, "0")}`;
  }
}

/** Returns a token with the claims that the client reads. */
export function tokenFor(
  channel: string,
  topics: string[],
  expiresIn = 3_600,
  signals: string[] = [],
  lifetime?: number,
): string {
  const exp = Math.floor(Date.now() / 1000) + expiresIn;
  const claims = {
    exp,
    ...(lifetime === undefined ? {} : { iat: exp - lifetime }),
    topics: topics.map((name) => ({ kind: "run", channel, name })),
    signals: signals.map((name) => ({ channel, name })),
  };
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${encode({ alg: "HS256" })}.${encode(claims)}.c2lnbmF0dXJl`;
}

/** Waits until a condition is true. */
export async function until(holds: () => boolean): Promise<void> {
  // Not `Date.now`, which some tests replace.
  const end = performance.now() + 20_000;
  do {
    if (holds()) {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  } while (performance.now() < end);
  throw new Error(`It never came true: ${holds.toString()}`);
}
