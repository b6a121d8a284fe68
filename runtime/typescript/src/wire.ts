/**
 * Everything this library knows about the wire protocol: paths, subprotocols,
 * frames and close codes. PROTOCOL.md explains them.
 */

/** A position to read a channel from: a message's id, all of the history, or what is new. */
export type Cursor = "start" | "now" | (string & {});

/** What belongs to a subscription with a `ref` bears it. */
interface Referring {
  readonly ref?: string;
}

export type ServerFrame =
  | MessageFrame
  | RunFrame
  | ReadyFrame
  | GapFrame
  | ErrorFrame
  | SubscribedFrame
  | UnsubscribedFrame
  | ExpiringFrame
  | RenewedFrame
  | AliveFrame
  | ClosingFrame;

/** What stands in a channel's log. */
export type LoggedFrame = MessageFrame | RunFrame;

/** What stands there on a topic. */
export type MessageFrame = DataFrame | StreamStartFrame | ChunkFrame | StreamEndFrame;

interface Logged extends Referring {
  readonly channel: string;
  readonly id: string;
  readonly created_at: string;
  readonly run_id?: string;
}

interface OnTopic extends Logged {
  readonly topic: string;
}

export interface DataFrame extends OnTopic {
  readonly kind: "data";
  readonly data: unknown;
}

export interface StreamStartFrame extends OnTopic {
  readonly kind: "datastream-start";
  /** The stream's id. */
  readonly data: string;
}

export interface ChunkFrame extends OnTopic {
  readonly kind: "chunk";
  readonly stream_id: string;
  readonly data: string;
}

export interface StreamEndFrame extends OnTopic {
  readonly kind: "datastream-end";
  /** The stream's id. */
  readonly data: string;
  /** Why the text is not complete. */
  readonly error?: string;
  /** With `error`: whether the text was stopped on purpose. */
  readonly stopped?: boolean;
}

/** News of a run. Every subscriber of its channel gets them. */
export interface RunFrame extends Logged {
  readonly kind: "run";
  readonly data: unknown;
}

export interface ReadyFrame extends Referring {
  readonly kind: "ready";
  readonly channel: string;
  readonly position: string;
  readonly fingerprint: string;
}

export interface GapFrame extends Referring {
  readonly kind: "gap";
  readonly channel: string;
  readonly after: string;
  readonly before: string;
}

export interface ErrorFrame extends Referring {
  readonly kind: "error";
  readonly code: string;
  readonly message: string;
}

export interface SubscribedFrame extends Referring {
  readonly kind: "subscribed";
  readonly channels: readonly string[];
}

export interface UnsubscribedFrame extends Referring {
  readonly kind: "unsubscribed";
  readonly channels: readonly string[];
  /** Why, where nobody asked for it: `expired` or `revoked`. */
  readonly code?: string;
}

export interface ExpiringFrame extends Referring {
  readonly kind: "expiring";
  /** How many milliseconds the token has left. */
  readonly in: number;
}

export interface RenewedFrame extends Referring {
  readonly kind: "renewed";
  readonly expires_in: number;
}

export interface AliveFrame {
  readonly kind: "alive";
  /** In how many milliseconds the server tells so again. */
  readonly next_in: number;
}

export interface ClosingFrame {
  readonly kind: "closing";
  /** How many milliseconds to wait before reconnecting. The server spreads its clients, so that they do not all come at once. */
  readonly reconnect_in?: number;
}

export type ClientFrame =
  | SubFrame
  | { readonly kind: "unsub"; readonly ref: string }
  | { readonly kind: "renew"; readonly ref: string; readonly data: string | undefined }
  | { readonly kind: "alive" };

/** Subscribes. */
export interface SubFrame {
  readonly kind: "sub";
  readonly ref: string;
  /** The token; without one the session of the page decides. */
  readonly data: string | undefined;
  readonly channel: string;
  /** All that the token names of the channel when left out. */
  readonly topics?: readonly string[] | undefined;
  readonly since?: Readonly<Record<string, Cursor>> | undefined;
}

/** A frame that says it is of a known kind but lacks one of its fields. */
export interface MalformedFrame {
  readonly kind: "malformed";
  readonly reason: string;
}

/**
 * Reads what one WebSocket message holds: a frame, or several in an array, which
 * may begin with the `ref` that all of them belong to. Frames of unknown kind are
 * left out, as a later server may send them.
 */
export function parseFrames(text: string): (ServerFrame | MalformedFrame)[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [{ kind: "malformed", reason: "a frame is not JSON" }];
  }
  if (!Array.isArray(value)) {
    return readFrame(value);
  }
  const ref: unknown = value[0];
  return typeof ref === "string"
    ? value.slice(1).flatMap(readFrame).map((frame) => Object.assign(frame, { ref }))
    : value.flatMap(readFrame);
}

/** Writes a frame for the server. */
export function encodeFrame(frame: ClientFrame): string {
  return JSON.stringify(frame);
}

/** The address of the WebSocket, below the URL that the server's routes are served from. */
export function connectUrl(apiBaseUrl: URL): URL {
  const url = routeUrl(apiBaseUrl, "connect");
  url.protocol = url.protocol === "http:" || url.protocol === "ws:" ? "ws:" : "wss:";
  return url;
}

/** What the server answers on, below `/v1/realtime`. */
export type Route = "connect" | "sse" | "token" | "publish" | "signal" | "revoke";

/** The address of one of the server's HTTP routes. */
export function routeUrl(apiBaseUrl: URL, route: Route): URL {
  const url = new URL(apiBaseUrl);
  url.protocol = url.protocol.replace("ws", "http");
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/v1/realtime/${route}`;
  url.search = "";
  url.hash = "";
  return url;
}

/** What a WebSocket offers. It bears no token: each subscription has its own. */
export const SUBPROTOCOL = "fanfare.v1";

/** How many channels a connection may carry. */
export const MOST_CHANNELS = 1000;

/** How many bytes a payload that is published, or sent with a signal, may have. */
export const MAX_BODY_BYTES = 1024 * 1024;

/** How many bytes the subscriptions of an event stream may have. */
export const MAX_STREAM_BYTES = 256 * 1024;

/** The close code of a connection that has had no subscription for a while. */
export const CLOSED_AS_UNUSED = 4408;

/** Whether a close code means that connecting again would end the same way. */
export function isFatalClose(code: number): boolean {
  return [1000, 1002, 1003, 1009, 4400, 4403].includes(code);
}

/**
 * The cursor after a message. While what topics retain is being sent, it has
 * the form `<position>~<id>`, so that a client also resumes in the middle of that.
 */
export function advance(cursor: Cursor | undefined, id: string): Cursor {
  const mark = cursor?.indexOf("~") ?? -1;
  const position = mark === -1 ? undefined : cursor?.slice(0, mark);
  // Ids have one length and compare as text.
  return position !== undefined && id <= position ? `${position}~${id}` : id;
}

type FieldType = "string" | "string?" | "strings" | "number" | "number?" | "boolean?" | "any";
type Fields = readonly (readonly [string, FieldType])[];

const REF: Fields = [["ref", "string?"]];
const OF_CHANNEL: Fields = [...REF, ["channel", "string"]];
const LOGGED: Fields = [
  ...OF_CHANNEL,
  ["id", "string"],
  ["created_at", "string"],
  ["run_id", "string?"],
];
const ON_TOPIC: Fields = [...LOGGED, ["topic", "string"]];

const FIELDS: Readonly<Record<ServerFrame["kind"], Fields>> = {
  data: [...ON_TOPIC, ["data", "any"]],
  "datastream-start": [...ON_TOPIC, ["data", "string"]],
  chunk: [...ON_TOPIC, ["stream_id", "string"], ["data", "string"]],
  "datastream-end": [...ON_TOPIC, ["data", "string"], ["error", "string?"], ["stopped", "boolean?"]],
  run: [...LOGGED, ["data", "any"]],
  ready: [...OF_CHANNEL, ["position", "string"], ["fingerprint", "string"]],
  gap: [...OF_CHANNEL, ["after", "string"], ["before", "string"]],
  error: [...REF, ["code", "string"], ["message", "string"]],
  subscribed: [...REF, ["channels", "strings"]],
  unsubscribed: [...REF, ["channels", "strings"], ["code", "string?"]],
  expiring: [...REF, ["in", "number"]],
  renewed: [...REF, ["expires_in", "number"]],
  alive: [["next_in", "number"]],
  closing: [["reconnect_in", "number?"]],
};

function readFrame(value: unknown): (ServerFrame | MalformedFrame)[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return [{ kind: "malformed", reason: "a frame is not an object" }];
  }
  const frame = value as Readonly<Record<string, unknown>>;
  const kind = frame["kind"];
  if (typeof kind !== "string") {
    return [{ kind: "malformed", reason: "a frame has no kind" }];
  }
  if (!Object.hasOwn(FIELDS, kind)) {
    return [];
  }
  for (const [name, type] of FIELDS[kind as ServerFrame["kind"]]) {
    if (!isOfType(frame, name, type)) {
      return [{ kind: "malformed", reason: `a "${kind}" frame has no valid "${name}"` }];
    }
  }
  return [frame as unknown as ServerFrame];
}

function isOfType(
  frame: Readonly<Record<string, unknown>>,
  name: string,
  type: FieldType,
): boolean {
  if (!Object.hasOwn(frame, name)) {
    return type.endsWith("?");
  }
  const value = frame[name];
  if (type === "any") {
    return true;
  }
  return type === "strings"
    ? Array.isArray(value) && value.every((item) => typeof item === "string")
    : type.startsWith("number")
      ? isMilliseconds(value)
      : typeof value === type.replace("?", "");
}

/** All numbers of frames are times: JSON's `1e400` is Infinity here, and a timer with it would fire at once. */
function isMilliseconds(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
