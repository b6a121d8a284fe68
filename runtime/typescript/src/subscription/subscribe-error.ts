import { describeMissingGrant, seemsExpired } from "../connection/token.js";
import type { ResolvedToken } from "../connection/token.js";
import { ConnectionError } from "../errors.js";
import { messageOf } from "../util/message-of.js";
import type { ErrorFrame } from "../wire.js";

/** Errors of a `sub` frame that no other token and no later attempt can avoid. */
const FATAL_CODES = ["bad_frame", "not_granted", "unknown_channel", "unknown_topic", "ref_in_use", "too_many_channels"];

/** The channel and the topics to subscribe to. */
export interface Target {
  readonly channel: string;
  /** All topics of the channel if undefined. */
  readonly topics: readonly string[] | undefined;
  /** The hash of the definition that the channel was generated from, if it was generated. */
  readonly fingerprint?: string | undefined;
}

/** Returns the error for a `sub` frame that the server refused. Errors with an unknown code are not fatal. */
export function subscribeError(
  frame: ErrorFrame,
  { channel, topics }: Target,
  token: ResolvedToken | undefined,
): ConnectionError {
  const missing = frame.code === "not_granted" ? describeMissingGrant(token?.token, channel, topics) : undefined;
  if (missing !== undefined) {
    return new ConnectionError(missing, { fatal: true, code: frame.code });
  }
  // A session is not renewable: it is refused until the user has signed in.
  const isRenewable = token?.renewable === true && token.token !== undefined;
  const isUnauthorized = frame.code === "unauthorized";
  const isExpired = isUnauthorized && seemsExpired(token?.token ?? "");
  const expired = isRenewable ? "the token has expired" : describeTokenEnd("expired");
  // The same code as for a token that expires while it is subscribed.
  const { code, message } = isExpired ? { code: "expired", message: expired } : frame;
  return new ConnectionError(`Could not subscribe to the channel "${channel}": ${message} (${code})`, {
    fatal: FATAL_CODES.includes(code) || (isUnauthorized && !isRenewable),
    code,
  });
}

/** Returns the message for a token that has expired or was revoked, with the fix. */
export function describeTokenEnd(code: string): string {
  const end = code === "revoked" ? "was revoked" : "has expired";
  return `the token ${end}; set \`token\` to a function, so that a new one can be fetched`;
}

/** Returns the error as a fatal one. */
export function toFatal(error: ConnectionError): ConnectionError {
  const { message, cause } = error;
  return error.fatal ? error : new ConnectionError(message, { ...error, fatal: true, cause });
}

/** Wraps a thrown value. */
export function toConnectionError(cause: unknown): ConnectionError {
  return cause instanceof ConnectionError
    ? cause
    : new ConnectionError(`Could not connect: ${messageOf(cause)}`, { fatal: false, cause });
}
