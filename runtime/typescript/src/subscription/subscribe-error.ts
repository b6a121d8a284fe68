import { ConnectionError } from "../errors.js";
import { seemsExpired } from "../connection/token.js";
import type { Grant } from "../connection/token.js";
import type { ErrorFrame } from "../wire.js";

/** What a server may answer to a `sub` that no other token or attempt can mend. */
const FINAL = ["bad_frame", "not_granted", "unknown_channel", "ref_in_use", "too_many_channels"];

/** Why the server did not take a subscription. Codes of tomorrow are tried again. */
export function refusal(
  frame: ErrorFrame,
  channel: string,
  grant: Grant | undefined,
): ConnectionError {
  // A session that is refused is refused until the user has signed in.
  const isRenewable = grant?.renewable === true && grant.token !== undefined;
  const isUnauthorized = frame.code === "unauthorized";
  const isExpired = isUnauthorized && seemsExpired(grant?.token ?? "");
  const expired = isRenewable ? "the token has expired" : endOfToken("expired");
  // The same code as for a token that expires while it is subscribed.
  const { code, message } = isExpired ? { code: "expired", message: expired } : frame;
  return new ConnectionError(`Could not subscribe to the channel "${channel}": ${message} (${code})`, {
    fatal: FINAL.includes(code) || (isUnauthorized && !isRenewable),
    code,
  });
}

/** What to do about a token that is of no use any more. */
export function endOfToken(code: string): string {
  return code === "revoked"
    ? "the token was revoked; give a function as `token` so that another can be fetched"
    : "the token has expired; give a function as `token` so that a new one can be fetched";
}

/** The same error, where it is not tried again. */
export function asFatal(error: ConnectionError): ConnectionError {
  const { message, closeCode, code, cause } = error;
  return error.fatal ? error : new ConnectionError(message, { fatal: true, closeCode, code, cause });
}

/** Whatever was thrown, in this library's words. */
export function asConnectionError(cause: unknown): ConnectionError {
  if (cause instanceof ConnectionError) {
    return cause;
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ConnectionError(`Could not connect: ${reason}`, { fatal: false, cause });
}
