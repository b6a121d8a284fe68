import { type AddressInfo } from "node:net";
import { WebSocket, WebSocketServer } from "ws";

/** A proxy for WebSockets that can change the frames of the server. */
export class Relay {
  readonly #listener: WebSocketServer;

  private constructor(target: string, change: (text: string) => string) {
    this.#listener = new WebSocketServer({ port: 0, host: "127.0.0.1", handleProtocols: () => "fanfare.v1" });
    this.#listener.on("connection", (near, request) => {
      const protocols = (request.headers["sec-websocket-protocol"] ?? "").split(/,\s*/u);
      const far = new WebSocket(`${target.replace("http", "ws")}${request.url ?? ""}`, protocols);
      const isOpen = new Promise((resolve) => far.on("open", resolve));
      near.on("message", (data) => void isOpen.then(() => far.send(String(data))));
      far.on("message", (data) => near.send(change(String(data))));
      far.on("close", () => near.terminate());
      far.on("error", () => near.terminate());
      near.on("close", () => far.terminate());
    });
  }

  static async start(target: string, change: (text: string) => string): Promise<Relay> {
    const relay = new Relay(target, change);
    await new Promise<void>((resolve) => relay.#listener.on("listening", resolve));
    return relay;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#listener.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#listener.close();
    this.#listener.clients.forEach((client) => client.terminate());
  }
}
