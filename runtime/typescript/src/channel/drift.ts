import type { DriftChange, ReadyFrame } from "../wire.js";
import type { ChannelInput } from "./channel.js";

/** A page and its server were generated from different definitions of a channel, and that matters. */
export interface Drift {
  readonly channel: string;
  /**
   * `breaking`: this page is of an earlier release and does not work with the server, so the user should
   * reload it. `unknown`: the server does not know this page's definition, so it cannot tell whether the page
   * works.
   */
  readonly kind: "breaking" | "unknown";
  /** The changes that break this page. Empty if `kind` is `unknown`. */
  readonly changes: readonly DriftChange[];
  /** The hash of this page's definition. */
  readonly expected: string;
  /** The hash of the server's definition. */
  readonly received: string;
}

/** Returns the hash of the definition that a channel was generated from. Other channels have none. */
export function fingerprintOf(channel: ChannelInput): string | undefined {
  return (channel as { readonly $fingerprint?: string }).$fingerprint;
}

/** Returns the drift that the server reports. Later servers may report other kinds, which are ignored. */
export function findDrift(expected: string | undefined, frame: ReadyFrame): Drift | undefined {
  const { channel, fingerprint: received, drift: { kind, changes = [] } = {} } = frame;
  return expected !== undefined && (kind === "breaking" || kind === "unknown")
    ? { channel, kind, changes, expected, received }
    : undefined;
}

/** Returns a message with the cause of a drift and the fix. */
export function describeDrift({ channel, kind, changes, expected, received }: Drift): string {
  return kind === "breaking"
    ? `a new version of this page is available: reload it. The channel "${channel}" has changed: ${changes.map(describeChange).join("; ")}`
    : `this page and the server were generated from different definitions of the channel "${channel}" (${expected} here, ` +
        `${received} there). Generate both from the same one, or record definitions with \`fanfare release\`, so that the ` +
        "server can tell which changes break a page";
}

function describeChange({ topic, signal, message }: DriftChange): string {
  return topic !== undefined ? `topic "${topic}": ${message}` : signal !== undefined ? `signal "${signal}": ${message}` : message;
}
