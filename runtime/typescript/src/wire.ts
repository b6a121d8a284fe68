/**
 * Everything this library knows about the wire protocol: paths, subprotocols,
 * frames and close codes. PROTOCOL.md explains them.
 */

/** A position to read a channel from: a message's id, all of the history, or what is new. */
export type Cursor = "start" | "now" | (string & {});

export type ServerFrame =
  | DataFrame
  | RunFrame
  | ReadyFrame
  | GapFrame
  | ErrorFrame
  | SubscribedFrame
  | UnsubscribedFrame
  | AliveFrame
  | ClosingFrame;

export interface DataFrame {
  readonly kind: "data";
  readonly channel: string;
  readonly topic: string;
  readonly id: string;
  readonly created_at: string;
  readonly run_id?: string;
  readonly data: unknown;
}

export interface RunFrame {
  readonly kind: "run";
  readonly channel: string;
  readonly created_at: string;
  readonly data: unknown;
}

export interface ReadyFrame {
  readonly kind: "ready";
  readonly channel: string;
  readonly position: string;
  readonly fingerprint: string;
}

export interface GapFrame {
  readonly kind: "gap";
  readonly channel: string;
  readonly after: string;
  readonly before: string;
}

export interface ErrorFrame {
  readonly kind: "error";
  readonly code: string;
  readonly message: string;
  readonly ref?: string;
}

export interface SubscribedFrame {
  readonly kind: "subscribed";
  readonly channels: readonly string[];
  readonly ref?: string;
}

export interface UnsubscribedFrame {
  readonly kind: "unsubscribed";
  readonly channels: readonly string[];
  readonly ref?: string;
}

export interface AliveFrame {
  readonly kind: "alive";
  /** In how many milliseconds the server tells so again. */
  readonly next_in: number;
}

export interface ClosingFrame {
  readonly kind: "closing";
}

export type ClientFrame =
  | {
      readonly kind: "sub";
      readonly ref?: string;
      readonly data: string;
      readonly since?: Readonly<Record<string, Cursor>>;
    }
  | { readonly kind: "unsub"; readonly ref?: string; readonly channel: string };

/** A frame that says it is of a known kind but lacks one of its fields. */
export interface MalformedFrame {
  readonly kind: "malformed";
  readonly reason: string;
}

/**
 * Reads what one WebSocket message holds: a frame, or several in an array.
 * Frames of unknown kind are left out, as a later server may send them.
 */
export function parseFrames(text: string): (ServerFrame | MalformedFrame)[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [{ kind: "malformed", reason: "a frame is not JSON" }];
  }
  return (Array.isArray(value) ? value : [value]).flatMap(readFrame);
}

/** Writes a frame for the server. */
export function encodeFrame(frame: ClientFrame): string {
  return JSON.stringify(frame);
}

/** The address of the WebSocket, below the URL that the server's routes are served from. */
export function connectUrl(apiBaseUrl: URL, since: ReadonlyMap<string, Cursor>): URL {
  const url = new URL(apiBaseUrl);
  url.protocol = url.protocol === "http:" || url.protocol === "ws:" ? "ws:" : "wss:";
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/v1/realtime/connect`;
  url.search = "";
  url.hash = "";
  if (since.size > 0) {
    url.searchParams.set("since", JSON.stringify(Object.fromEntries(since)));
  }
  return url;
}

/** What a WebSocket offers. The token is here rather than in the URL, which servers log. */
export function subprotocols(token: string): string[] {
  return ["fanfare.v1", `bearer.${token}`];
}

/** Whether a close code means that connecting again would end the same way. */
export function isFatalClose(code: number): boolean {
  return [1000, 1002, 1003, 1009, 4400].includes(code);
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

type FieldType = "string" | "string?" | "strings" | "number" | "any";

const FIELDS: Readonly<Record<ServerFrame["kind"], readonly (readonly [string, FieldType])[]>> = {
  data: [
    ["channel", "string"],
    ["topic", "string"],
    ["id", "string"],
    ["created_at", "string"],
    ["run_id", "string?"],
    ["data", "any"],
  ],
  run: [
    ["channel", "string"],
    ["created_at", "string"],
    ["data", "any"],
  ],
  ready: [
    ["channel", "string"],
    ["position", "string"],
    ["fingerprint", "string"],
  ],
  gap: [
    ["channel", "string"],
    ["after", "string"],
    ["before", "string"],
  ],
  error: [
    ["code", "string"],
    ["message", "string"],
    ["ref", "string?"],
  ],
  subscribed: [
    ["channels", "strings"],
    ["ref", "string?"],
  ],
  unsubscribed: [
    ["channels", "strings"],
    ["ref", "string?"],
  ],
  alive: [["next_in", "number"]],
  closing: [],
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
    return type === "string?";
  }
  const value = frame[name];
  if (type === "any") {
    return true;
  }
  return type === "strings"
    ? Array.isArray(value) && value.every((item) => typeof item === "string")
    : typeof value === (type === "number" ? "number" : "string");
}
