import type { SignalReference } from "../channel/channel.js";
import { sendSignal } from "./signal.js";
import type { SignalOptions, SignalReceipt } from "./signal.js";
import type { InferInput, StandardSchema } from "../validate/standard-schema.js";
import { resolveToken } from "../connection/token.js";
import type { TokenInput } from "../connection/token.js";

/** What `send` takes. */
export interface SendOptions extends SignalOptions {
  /** A token that names the signal, or a function that fetches one; `"session"` for the page's own session. */
  readonly token?: TokenInput | undefined;
  /**
   * Where the server's routes are served from, up to `/v1/realtime`. In a web
   * page it may be relative; the default is the page's origin. Required elsewhere.
   */
  readonly apiBaseUrl?: string | undefined;
}

/** Attempts after the first: a server that is being restarted is back by then. */
const RETRIES = 6;

/**
 * Sends a signal to the run on a channel. Resolves once it is recorded; the receipt's `status`
 * says whether it answers an open question of the run or is kept for a later one.
 *
 * The payload is validated first. What is not answered, or answered with 503, is
 * sent again, up to six times, under one idempotency key: it is taken at most once.
 * Rejects with a {@link SignalError}, whose `code` says why.
 *
 * @example
 * ```ts
 * try {
 *   await send(pipeline({ runId }).approve, { verdict: "approve" }, { token: () => fetchToken(runId) });
 * } catch (error) {
 *   if (error instanceof SignalError && error.code === "already_taken") show(`${error.by} was faster`);
 * }
 * ```
 */
export async function send<Schema extends StandardSchema<any, any>>(
  signal: SignalReference<Schema>,
  payload: InferInput<Schema>,
  options: SendOptions = {},
): Promise<SignalReceipt> {
  const { token: input, apiBaseUrl } = options;
  const access = async () => {
    const { token, renewable, ...granted } = await resolveToken(input);
    return { bearer: token, apiBaseUrl: apiBaseUrl ?? granted.apiBaseUrl, renewable };
  };
  return sendSignal(signal, payload, { ...options, access, retries: RETRIES });
}
