import { messageOf } from "../util/message-of.js";
import { MAX_PAYLOAD } from "../wire.js";

/**
 * Returns why a request failed. Node gives the reason as the cause of a "fetch failed" error; browsers
 * give none.
 */
export function failureReason(error: unknown): string {
  const { cause = error } = error instanceof Error ? error : {};
  return messageOf(cause);
}

/**
 * Returns an explanation if the body of a failed request exceeds the server's limit. The server
 * refuses such a request before it has read it, so the connection may break before its response arrives.
 */
export function explainSize(body: unknown): string | undefined {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body).length : 0;
  return bytes > MAX_PAYLOAD
    ? `the body has ${bytes} bytes, and the limit is ${MAX_PAYLOAD}: send a reference to the data instead`
    : undefined;
}
