import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** The network between a client and a server, which a test can cut. */
export class Proxy {
  readonly #listener: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  /** Those that have sent nothing yet. */
  readonly #silent = new Set<Socket>();
  #target: string;
  #isDown = false;
  /** How many connections were made through it. */
  connections = 0;
  /** How many WebSockets and event streams were asked for, and how many of the former were refused. */
  webSockets = 0;
  eventStreams = 0;
  refusedWebSockets = 0;
  /** Whether it lets no WebSocket through, as some companies' proxies do. */
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

  /** How many connections there are. */
  get open(): number {
    return this.#pairs.size;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#listener.address() as AddressInfo).port}`;
  }

  /** Breaks every connection, in the middle of whatever is on its way. */
  cut(): void {
    for (const sockets of [[...this.#silent], ...this.#pairs]) {
      sockets.forEach((socket) => socket.resetAndDestroy());
    }
  }

  /** Swallows all that is sent on the connections that there are, and tells nobody. */
  swallow(): void {
    for (const [near, far] of this.#pairs) {
      near.unpipe(far).resume();
      far.unpipe(near).resume();
    }
  }

  /** Breaks every connection and refuses new ones until `up`. */
  down(): void {
    this.#isDown = true;
    this.cut();
  }

  /** Takes connections again, to another server where one is given. */
  up(target = this.#target): void {
    this.#target = target;
    this.#isDown = false;
  }

  /** Where new connections lead; those that there are stay. */
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
