import { createHmac } from "node:crypto";
import { WebSocket } from "ws";

/** A connection that was opened without the client library. */
export interface Connected {
  /** The HTTP status: 101 if the connection was accepted. */
  readonly status: number;
  /** The body of a refusal. */
  readonly body: string;
  readonly frames: string[];
  close(): void;
}

interface ConnectOptions {
  readonly token?: string;
  readonly protocols?: readonly string[];
  readonly query?: Readonly<Record<string, string>>;
  readonly onOpen?: () => void;
}

/** Opens a WebSocket, with the token in a subprotocol. */
export function connect(url: string, options: ConnectOptions): Promise<Connected> {
  const { token, query = {}, onOpen } = options;
  const { protocols = token === undefined ? [] : ["fanfare.v1", `bearer.${token}`] } = options;
  const address = `${url.replace("http", "ws")}/v1/realtime/connect?${new URLSearchParams(query).toString()}`;
  const socket = new WebSocket(address, [...protocols]);
  const frames: string[] = [];
  socket.on("message", (data) => frames.push(String(data)));
  return new Promise((resolve, reject) => {
    const close = () => socket.terminate();
    socket.on("error", reject);
    socket.on("open", () => {
      onOpen?.();
      resolve({ status: 101, body: "", frames, close });
    });
    socket.on("unexpected-response", (_, response) => {
      let body = "";
      response.on("data", (chunk) => (body += String(chunk)));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body, frames, close }));
    });
  });
}

/** Creates a token with any header, claims and key. */
export function forge(header: unknown, claims: unknown, sign: { key: string; hash?: string } | undefined): string {
  const text = `${encode(JSON.stringify(header))}.${encode(JSON.stringify(claims))}`;
  const signature = sign && createHmac(sign.hash ?? "sha256", sign.key).update(text).digest("base64url");
  return `${text}.${signature ?? ""}`;
}

/** Returns the claims of a token. */
export function claimsOf(token: string): Readonly<Record<string, unknown>> {
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as Record<string, unknown>;
}

function encode(text: string): string {
  return Buffer.from(text).toString("base64url");
}
