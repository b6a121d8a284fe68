import { MAX_BODY_BYTES } from "../wire.js";

/** Why a request was not answered. Node says so in the cause of a "fetch failed", browsers do not. */
export function failureReason(error: unknown): string {
  const { cause = error } = error instanceof Error ? error : {};
  return cause instanceof Error ? cause.message : String(cause);
}

/**
 * Explains a request that was not answered, if its body is larger than the server takes. The server
 * refuses it before it has read it all, and the connection may break before the answer is read.
 */
export function explainSize(body: unknown): string | undefined {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body).length : 0;
  return bytes > MAX_BODY_BYTES
    ? `the body has ${bytes} bytes, and the server takes ${MAX_BODY_BYTES}: send a reference to the data instead`
    : undefined;
}
