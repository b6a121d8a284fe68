import type { ReadyFrame } from "../wire.js";
import type { ChannelInput } from "./channel.js";

/** A page and its server were generated from different definitions of a channel. */
export interface Drift {
  readonly channel: string;
  /** The hash of this page's definition. */
  readonly expected: string;
  /** The hash of the server's definition. */
  readonly received: string;
}

/**
 * Returns the drift between the server's definition and this page's. Only generated channels have a
 * definition hash.
 */
export function findDrift(channel: ChannelInput | undefined, frame: ReadyFrame): Drift | undefined {
  const expected = (channel as { readonly $fingerprint?: string } | undefined)?.$fingerprint;
  return expected === undefined || expected === frame.fingerprint
    ? undefined
    : { channel: frame.channel, expected, received: frame.fingerprint };
}

/** Returns a message with the cause of a drift and the fix. */
export function describeDrift({ channel, expected, received }: Drift): string {
  return (
    `the definition of the channel "${channel}" differs from the server's: this code was generated from ` +
    `${expected}, the server's from ${received}; generate both again and deploy them`
  );
}
