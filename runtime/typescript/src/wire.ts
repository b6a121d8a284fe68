/** The wire protocol: paths, subprotocol, frames and close codes. PROTOCOL.md explains them. */

/**
 * Where to read a channel from: `start` is the whole history, `now` is what the topics retain and then new
 * messages, and all others are a message id or a saved position, after which to continue.
 */
export type Cursor = "start" | "now" | (string & {});

/** A frame that may belong to one subscription, named by `ref`. */
interface HasRef {
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

/** A frame from a channel's log. */
export type LoggedFrame = MessageFrame | RunFrame;

/** A frame from a channel's log that belongs to a topic. */
export type MessageFrame = DataFrame | StreamStartFrame | ChunkFrame | StreamEndFrame;

interface FromLog extends HasRef {
  readonly channel: string;
  readonly id: string;
  readonly created_at: string;
  readonly run_id?: string;
}

interface OnTopic extends FromLog {
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
  /** Why the text is incomplete. */
  readonly error?: string;
  /** With `error`: whether the text was ended on purpose. */
  readonly stopped?: boolean;
}

/** A run event. Every subscriber of the channel receives it, whatever its topics. */
export interface RunFrame extends FromLog {
  readonly kind: "run";
  readonly data: unknown;
}

export interface ReadyFrame extends HasRef {
  readonly kind: "ready";
  readonly channel: string;
  readonly position: string;
  readonly fingerprint: string;
  /** How this page's definition differs, if that matters. */
  readonly drift?: DriftReport;
}

export interface DriftReport {
  readonly kind: string;
  readonly changes?: readonly DriftChange[];
}

/** A change of a channel's definition that breaks pages of an earlier release. */
export interface DriftChange {
  /** The topic that changed, if it is one. */
  readonly topic?: string;
  /** The signal that changed, if it is one. */
  readonly signal?: string;
  /** The reason why the page does not work. */
  readonly message: string;
}

export interface GapFrame extends HasRef {
  readonly kind: "gap";
  readonly channel: string;
  readonly after: string;
  readonly before: string;
}

export interface ErrorFrame extends HasRef {
  readonly kind: "error";
  readonly code: string;
  readonly message: string;
  /** The server's definition hash of a channel that does not have a requested topic. */
  readonly fingerprint?: string;
  readonly drift?: DriftReport;
}

export interface SubscribedFrame extends HasRef {
  readonly kind: "subscribed";
  readonly channels: readonly string[];
}

export interface UnsubscribedFrame extends HasRef {
  readonly kind: "unsubscribed";
  readonly channels: readonly string[];
  /** Why the server ended the subscription: `expired` or `revoked`. Absent if the client did. */
  readonly code?: string;
}

export interface ExpiringFrame extends HasRef {
  readonly kind: "expiring";
  /** The milliseconds until the token expires. */
  readonly in: number;
}

export interface RenewedFrame extends HasRef {
  readonly kind: "renewed";
  readonly expires_in: number;
}

export interface AliveFrame {
  readonly kind: "alive";
  /** The milliseconds until the next heartbeat. */
  readonly next_in: number;
}

export interface ClosingFrame {
  readonly kind: "closing";
  /** The milliseconds to wait before reconnecting. The server spreads its clients over time. */
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
  /** The token; absent if the page's session is used. */
  readonly data: string | undefined;
  readonly channel: string;
  /** Default: all topics of the channel that the token grants. */
  readonly topics?: readonly string[] | undefined;
  readonly since?: Readonly<Record<string, Cursor>> | undefined;
  /** The hash of the definition that the channel was generated from. */
  readonly fingerprint?: string | undefined;
}

/** Stands for text that is not a valid frame of a known kind. */
export interface MalformedFrame {
  readonly kind: "malformed";
  readonly reason: string;
}

/**
 * Parses a WebSocket message or an event: one frame, or an array of frames, which may begin with the
 * `ref` that all of them belong to. Frames of an unknown kind are left out because later servers may send
 * them.
 */
export function parseFrames(text: string): (ServerFrame | MalformedFrame)[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [{ kind: "malformed", reason: "a frame that is not JSON" }];
  }
  if (!Array.isArray(value)) {
    return readFrame(value);
  }
  const ref: unknown = value[0];
  return typeof ref === "string"
    ? value.slice(1).flatMap(readFrame).map((frame) => Object.assign(frame, { ref }))
    : value.flatMap(readFrame);
}

/** Encodes a frame for the server. */
export function encodeFrame(frame: ClientFrame): string {
  return JSON.stringify(frame);
}

/** Returns the address of the WebSocket. */
export function connectUrl(apiBaseUrl: URL): URL {
  const url = routeUrl(apiBaseUrl, "connect");
  url.protocol = url.protocol === "http:" || url.protocol === "ws:" ? "ws:" : "wss:";
  return url;
}

/** The server's routes, below `/v1/realtime`. */
export type Route = "connect" | "sse" | "token" | "publish" | "signal" | "revoke";

/** Returns the address of one of the server's HTTP routes. */
export function routeUrl(apiBaseUrl: URL, route: Route): URL {
  const url = new URL(apiBaseUrl);
  url.protocol = url.protocol.replace("ws", "http");
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/v1/realtime/${route}`;
  url.search = "";
  url.hash = "";
  return url;
}

/** The subprotocol of the WebSocket. It carries no token because each subscription has its own. */
export const SUBPROTOCOL = "fanfare.v1";

/** The maximum number of channels on one connection, each counted once per subscription. */
export const MAX_CHANNELS = 1000;

/** The maximum bytes of a payload that is published or sent with a signal. */
export const MAX_PAYLOAD = 1024 * 1024;

/** The maximum bytes of the body that opens an event stream, which contains its subscriptions. */
export const MAX_SSE_BODY = 256 * 1024;

/** The close code of a connection that has had no subscription for a while. */
export const CLOSE_UNUSED = 4408;

/** Returns `true` if reconnecting after this close code would fail the same way. */
export function isFatalClose(code: number): boolean {
  return [1000, 1002, 1003, 1009, 4400, 4403].includes(code);
}

/**
 * Returns the cursor after a message. While the server sends retained messages the cursor has the
 * form `<position>~<id>`, so that a client can also resume between two of them.
 */
export function advance(cursor: Cursor | undefined, id: string): Cursor {
  const mark = cursor?.indexOf("~") ?? -1;
  const position = mark === -1 ? undefined : cursor?.slice(0, mark);
  // Message ids have one length and compare as text.
  return position !== undefined && id <= position ? `${position}~${id}` : id;
}

type FieldType = "string" | "string?" | "strings" | "number" | "number?" | "boolean?" | "drift?" | "any";
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
  ready: [...OF_CHANNEL, ["position", "string"], ["fingerprint", "string"], ["drift", "drift?"]],
  gap: [...OF_CHANNEL, ["after", "string"], ["before", "string"]],
  error: [...REF, ["code", "string"], ["message", "string"], ["fingerprint", "string?"], ["drift", "drift?"]],
  subscribed: [...REF, ["channels", "strings"]],
  unsubscribed: [...REF, ["channels", "strings"], ["code", "string?"]],
  expiring: [...REF, ["in", "number"]],
  renewed: [...REF, ["expires_in", "number"]],
  alive: [["next_in", "number"]],
  closing: [["reconnect_in", "number?"]],
};

function readFrame(value: unknown): (ServerFrame | MalformedFrame)[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return [{ kind: "malformed", reason: "a frame that is not an object" }];
  }
  const frame = value as Readonly<Record<string, unknown>>;
  const kind = frame["kind"];
  if (typeof kind !== "string") {
    return [{ kind: "malformed", reason: "a frame without a kind" }];
  }
  if (!Object.hasOwn(FIELDS, kind)) {
    return [];
  }
  for (const [name, type] of FIELDS[kind as ServerFrame["kind"]]) {
    if (!isOfType(frame, name, type)) {
      return [{ kind: "malformed", reason: `a "${kind}" frame without a valid "${name}"` }];
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
  if (type === "drift?") {
    return isDrift(value);
  }
  return type === "strings"
    ? Array.isArray(value) && value.every((item) => typeof item === "string")
    : type.startsWith("number")
      ? isMilliseconds(value)
      : typeof value === type.replace("?", "");
}

function isDrift(value: unknown): boolean {
  const isObject = (item: unknown): item is Readonly<Record<string, unknown>> =>
    typeof item === "object" && item !== null && !Array.isArray(item);
  const isChange = (item: unknown) =>
    isObject(item) && isOfType(item, "topic", "string?") && isOfType(item, "signal", "string?") && isOfType(item, "message", "string");
  if (!isObject(value) || !isOfType(value, "kind", "string")) {
    return false;
  }
  const { changes = [] } = value;
  return Array.isArray(changes) && changes.every(isChange);
}

/**
 * All numbers in frames are durations. JSON's `1e400` parses as Infinity, and a timer with it would
 * fire at once.
 */
function isMilliseconds(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
