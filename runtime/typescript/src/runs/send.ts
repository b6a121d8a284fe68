import type { SignalReference } from "../channel/channel.js";
import { resolveToken } from "../connection/token.js";
import type { TokenInput } from "../connection/token.js";
import type { InferInput, StandardSchema } from "../validate/standard-schema.js";
import { sendSignal } from "./signal.js";
import type { SignalOptions, SignalReceipt } from "./signal.js";

/** Options of {@link send}. */
export interface SendOptions extends SignalOptions {
  /**
   * A token that grants the signal, or a function that returns one; `"session"` uses the page's own
   * session.
   */
  readonly token?: TokenInput | undefined;
  /**
   * The base URL of the server's routes, up to `/v1/realtime`. In a web page it may be relative, and
   * defaults to the page's origin. Required elsewhere.
   */
  readonly apiBaseUrl?: string | undefined;
}

/** Attempts after the first. They last longer than the restart of a server. */
const MAX_RETRIES = 6;

/**
 * Sends a signal to the run on a channel. Resolves once it is recorded. The receipt's `status` is
 * `accepted` if the signal answers an open question, and `kept` if it waits for a later one.
 *
 * The payload is validated first. If there is no response, or a temporary error, the signal is sent
 * again, up to six times, with the same idempotency key, so that it is taken at most once. Rejects
 * with a {@link SignalError}, or the reason of `abortSignal`.
 *
 * @example
 * ```ts
 * try {
 *   await send(pipeline({ runId }).approve, { verdict: "approve" }, { token: () => fetchToken(runId) });
 * } catch (error) {
 *   if (error instanceof SignalError && error.code === "already_taken") show(`${error.takenSender} was faster`);
 * }
 * ```
 */
export async function send<Schema extends StandardSchema<any, any>>(
  signal: SignalReference<Schema>,
  payload: InferInput<Schema>,
  options: SendOptions = {},
): Promise<SignalReceipt> {
  const { token: input, apiBaseUrl } = options;
  const getAccess = async () => {
    const { token, renewable, ...resolved } = await resolveToken(input, { channel: signal.channel, signal: signal.signal });
    return { bearer: token, apiBaseUrl: apiBaseUrl ?? resolved.apiBaseUrl, renewable };
  };
  return sendSignal(signal, payload, { ...options, getAccess, maxRetries: MAX_RETRIES });
}
