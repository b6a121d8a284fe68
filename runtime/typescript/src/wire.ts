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
  | CaughtUpFrame
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

/** Every message that the channel had for the subscriber when it subscribed has been sent. */
export interface CaughtUpFrame extends HasRef {
  readonly kind: "caught-up";
  readonly channel: string;
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

/** A field of a frame, its type, and whether it may be absent. */
type Field = readonly [name: string, type: string, isOptional: boolean];

/** Parses fields in the form `name`, `name?`, `name:type`. Without a type, a field is a string. */
function parseFields(text: string): readonly Field[] {
  return text.split(" ").map((field) => {
    const [name = "", type = "string"] = field.split(":");
    return [name.replace("?", ""), type, name.endsWith("?")];
  });
}

const FIELDS: ReadonlyMap<string, readonly Field[]> = /* @__PURE__ */ defineFields();

function defineFields(): ReadonlyMap<string, readonly Field[]> {
  const ofChannel = "ref? channel";
  const logged = `${ofChannel} id created_at run_id?`;
  const onTopic = `${logged} topic`;
  const fields: Readonly<Record<ServerFrame["kind"], string>> = {
    data: `${onTopic} data:any`,
    "datastream-start": `${onTopic} data`,
    chunk: `${onTopic} stream_id data`,
    "datastream-end": `${onTopic} data error? stopped?:boolean`,
    run: `${logged} data:any`,
    ready: `${ofChannel} position fingerprint drift?:drift`,
    gap: `${ofChannel} after before`,
    "caught-up": ofChannel,
    error: "ref? code message fingerprint? drift?:drift",
    subscribed: "ref? channels:strings",
    unsubscribed: "ref? channels:strings code?",
    expiring: "ref? in:ms",
    renewed: "ref? expires_in:ms",
    alive: "next_in:ms",
    closing: "reconnect_in?:ms",
  };
  return new Map(Object.entries(fields).map(([kind, text]) => [kind, parseFields(text)]));
}

function readFrame(value: unknown): (ServerFrame | MalformedFrame)[] {
  if (!isObject(value)) {
    return [{ kind: "malformed", reason: "a frame that is not an object" }];
  }
  const kind = value["kind"];
  if (typeof kind !== "string") {
    return [{ kind: "malformed", reason: "a frame without a kind" }];
  }
  const fields = FIELDS.get(kind);
  if (fields === undefined) {
    return [];
  }
  const invalid = findInvalid(value, fields);
  return invalid === undefined
    ? [value as unknown as ServerFrame]
    : [{ kind: "malformed", reason: `a "${kind}" frame without a valid "${invalid}"` }];
}

/** Returns the name of the first field that is missing or of another type. */
function findInvalid(frame: Readonly<Record<string, unknown>>, fields: readonly Field[]): string | undefined {
  const isValid = ([name, type, isOptional]: Field) => (Object.hasOwn(frame, name) ? isOfType(frame[name], type) : isOptional);
  return fields.find((field) => !isValid(field))?.[0];
}

function isOfType(value: unknown, type: string): boolean {
  switch (type) {
    case "any":
      return true;
    case "drift":
      return isDrift(value);
    case "strings":
      return Array.isArray(value) && value.every((item) => typeof item === "string");
    case "ms":
      return isMilliseconds(value);
    default:
      return typeof value === type;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isDrift(value: unknown): boolean {
  if (!isObject(value) || findInvalid(value, parseFields("kind")) !== undefined) {
    return false;
  }
  const { changes = [] } = value;
  const isChange = (item: unknown) => isObject(item) && findInvalid(item, parseFields("topic? signal? message")) === undefined;
  return Array.isArray(changes) && changes.every(isChange);
}

/**
 * All numbers in frames are durations. JSON's `1e400` parses as Infinity, and a timer with it would
 * fire at once.
 */
function isMilliseconds(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
