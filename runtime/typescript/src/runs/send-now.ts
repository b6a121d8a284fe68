/** The code that sends signals with a user's token. Pages load it on demand: import it dynamically only. */

import type { SignalReference } from "../channel/channel.js";
import { resolveToken } from "../connection/token.js";
import type { TokenInput } from "../connection/token.js";
import { sendSignal } from "./signal.js";
import type { SignalOptions, SignalReceipt } from "./signal.js";

interface Options extends SignalOptions {
  readonly token?: TokenInput | undefined;
  readonly apiBaseUrl?: string | undefined;
}

/** Sends a signal. After a temporary failure retries up to `maxRetries` times. */
export async function sendNow(
  signal: SignalReference,
  payload: unknown,
  options: Options,
  maxRetries: number,
): Promise<SignalReceipt> {
  const { token: input, apiBaseUrl } = options;
  const getAccess = async () => {
    const { token, renewable, ...resolved } = await resolveToken(input, { channel: signal.channel, signal: signal.signal });
    return { bearer: token, apiBaseUrl: apiBaseUrl ?? resolved.apiBaseUrl, renewable };
  };
  return sendSignal(signal, payload, { ...options, getAccess, maxRetries });
}
