import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** A proxy between a client and a server, which a test can interrupt. */
export class Proxy {
  readonly #listener: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  /** Connections that have sent nothing yet. */
  readonly #silent = new Set<Socket>();
  #target: string;
  #isDown = false;
  /** The number of connections made through it. */
  connections = 0;
  /** The numbers of requested WebSockets and event streams, and of refused WebSockets. */
  webSockets = 0;
  eventStreams = 0;
  refusedWebSockets = 0;
  /** Whether it refuses WebSockets, as some corporate proxies do. */
  blocksWebSockets = false;

  private constructor(target: string) {
    this.#target = target;
    this.#listener = createServer((near) => this.#join(near));
  }

  static async start(target: string): Promise<Proxy> {
    const proxy = new Proxy(target);
    await new Promise<void>((resolve) => proxy.#listener.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  /** The number of open connections. */
  get open(): number {
    return this.#pairs.size;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#listener.address() as AddressInfo).port}`;
  }

  /** Resets every connection. */
  cut(): void {
    for (const sockets of [[...this.#silent], ...this.#pairs]) {
      sockets.forEach((socket) => socket.resetAndDestroy());
    }
  }

  /** Silently drops everything that is sent on open connections. */
  swallow(): void {
    for (const [near, far] of this.#pairs) {
      near.unpipe(far).resume();
      far.unpipe(near).resume();
    }
  }

  /** Resets every connection and refuses new ones until `up`. */
  down(): void {
    this.#isDown = true;
    this.cut();
  }

  /** Accepts connections again, and forwards them to `target`. */
  up(target = this.#target): void {
    this.#target = target;
    this.#isDown = false;
  }

  /** Forwards new connections to `target`. Open ones stay. */
  redirect(target: string): void {
    this.#target = target;
  }

  stop(): void {
    this.#listener.close();
    this.cut();
  }

  #join(near: Socket): void {
    if (this.#isDown) {
      near.resetAndDestroy();
      return;
    }
    this.connections += 1;
    this.#silent.add(near);
    near.on("close", () => this.#silent.delete(near));
    near.once("data", (head: Buffer) => {
      this.#silent.delete(near);
      near.pause();
      near.unshift(head);
      if (this.blocksWebSockets && isUpgrade(head)) {
        this.refusedWebSockets += 1;
        near.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
      } else {
        this.#pass(near);
      }
    });
    near.on("error", () => {});
  }

  #pass(near: Socket): void {
    const far = connect(Number(new URL(this.#target).port), "127.0.0.1");
    const pair = [near, far] as const;
    this.#pairs.add(pair);
    near.on("data", (data: Buffer) => {
      this.webSockets += isUpgrade(data) ? 1 : 0;
      this.eventStreams += data.includes("POST /v1/realtime/sse ") ? 1 : 0;
    });
    for (const [from, to] of [pair, [far, near]] as const) {
      from.pipe(to);
      from.on("error", () => {});
      from.on("close", () => {
        this.#pairs.delete(pair);
        to.destroy();
      });
    }
  }
}

function isUpgrade(head: Buffer): boolean {
  return /^GET \/v1\/realtime\/connect.*^upgrade: websocket/imsu.test(head.toString("latin1"));
}
