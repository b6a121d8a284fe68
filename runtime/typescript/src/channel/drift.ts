import type { DriftChange, DriftReport } from "../wire.js";
import type { ChannelInput } from "./channel.js";

/** A page and its server were generated from different definitions of a channel, and that matters. */
export interface Drift {
  readonly channel: string;
  /**
   * `breaking`: one of them is of an earlier release, and the page does not work with the server. `unknown`:
   * neither knows the other's definition, so nobody can tell whether the page works.
   */
  readonly kind: "breaking" | "unknown";
  /**
   * The side with the earlier definition. If it is `page`, a new version of the page is probably available. If
   * it is `server`, the page was deployed before its server.
   */
  readonly outdated: "page" | "server" | "unknown";
  /** The changes that break this page. Empty if `kind` is `unknown`. */
  readonly changes: readonly DriftChange[];
  /** The hash of this page's definition. */
  readonly expected: string;
  /** The hash of the server's definition. */
  readonly received: string;
}

/** The definition that a channel was generated from. */
export interface Origin {
  readonly fingerprint: string;
  /** The changes that break this page on servers of earlier releases, by their definition hash. */
  readonly releases: Releases;
}

/** The server's definition of a channel, as its frames describe it. */
export interface ServerDefinition {
  readonly channel: string;
  readonly fingerprint: string;
  readonly drift?: DriftReport | undefined;
}

/** The changes since earlier releases, by their definition hash. */
export type Releases = Readonly<Record<string, readonly DriftChange[]>>;

/** Returns the definition that a channel was generated from. Channels by name have none. */
export function originOf(channel: ChannelInput): Origin | undefined {
  const { $fingerprint: fingerprint, $releases: releases = {} } = channel as GeneratedParts;
  return fingerprint === undefined ? undefined : { fingerprint, releases };
}

interface GeneratedParts {
  readonly $fingerprint?: string;
  readonly $releases?: Releases;
}

/**
 * Returns the drift between this page and the server. The server knows earlier pages, and this page knows
 * earlier servers. Later servers may report other kinds of drift, which are ignored.
 */
export function findDrift(
  origin: Origin | undefined,
  topics: readonly string[] | undefined,
  server: ServerDefinition,
): Drift | undefined {
  const { channel, fingerprint: received, drift: { kind, changes = [] } = {} } = server;
  if (origin === undefined || (kind !== "breaking" && kind !== "unknown")) {
    return undefined;
  }
  const { fingerprint: expected, releases } = origin;
  if (kind === "breaking") {
    return { channel, kind, outdated: "page", changes, expected, received };
  }
  if (!Object.hasOwn(releases, received)) {
    return { channel, kind, outdated: "unknown", changes, expected, received };
  }
  const matters = ({ topic }: DriftChange): boolean =>
    topic === undefined || topics === undefined || topics.includes(topic);
  const breaking = (releases[received] ?? []).filter(matters);
  return breaking.length === 0
    ? undefined
    : { channel, kind: "breaking", outdated: "server", changes: breaking, expected, received };
}

/** Returns a message with the cause of a drift and the fix. */
export function describeDrift({ channel, kind, outdated, changes, expected, received }: Drift): string {
  if (kind === "unknown") {
    return (
      `this page and the server were generated from different definitions of the channel "${channel}" (${expected} here, ` +
      `${received} there). Generate both from the same one, or record definitions with \`fanfare release\`, so that ` +
      "servers and pages can tell which changes break a page"
    );
  }
  const action =
    outdated === "page"
      ? "a new version of this page is available: reload it"
      : "the server is older than this page: deploy the new server";
  return `${action}. The channel "${channel}" has changed: ${changes.map(describeChange).join("; ")}`;
}

function describeChange({ topic, signal, message }: DriftChange): string {
  return topic !== undefined ? `topic "${topic}": ${message}` : signal !== undefined ? `signal "${signal}": ${message}` : message;
}
