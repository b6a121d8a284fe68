import type { ChannelInput } from "./channel.js";
import type { ReadyFrame } from "../wire.js";

/** The definitions that a page and its server were built from differ. */
export interface Drift {
  readonly channel: string;
  /** The fingerprint of this page's definition. */
  readonly expected: string;
  /** The fingerprint of the server's definition. */
  readonly received: string;
}

/** How the server's definition differs from this page's; only a generated channel can tell. */
export function findDrift(channel: ChannelInput | undefined, frame: ReadyFrame): Drift | undefined {
  const expected = (channel as { readonly $fingerprint?: string } | undefined)?.$fingerprint;
  return expected === undefined || expected === frame.fingerprint
    ? undefined
    : { channel: frame.channel, expected, received: frame.fingerprint };
}

/** What a drift means and what to do about it. */
export function describeDrift({ channel, expected, received }: Drift): string {
  return (
    `the channel "${channel}" is defined otherwise on the server: this code was generated from ` +
    `${expected}, the server's from ${received}; generate and deploy again`
  );
}
