import type { SignalReference } from "../channel/channel.js";
import { Backoff } from "../connection/backoff.js";
import type { TokenInput } from "../connection/token.js";
import { SignalError } from "../errors.js";
import { messageOf } from "../util/message-of.js";
import { timing } from "../util/timing.js";
import type { InferInput, StandardSchema } from "../validate/standard-schema.js";
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
  const { abortSignal } = options;
  abortSignal?.throwIfAborted();
  let abort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(abortSignal?.reason);
  });
  abortSignal?.addEventListener("abort", abort);
  const loading = loadSend().catch((cause: unknown) => {
    const why = `the code for signals did not load: ${messageOf(cause)}`;
    throw new SignalError(signal.channel, signal.signal, "unavailable", why, { cause });
  });
  try {
    const { sendNow } = await Promise.race([loading, aborted]);
    return await sendNow(signal, payload, options, MAX_RETRIES);
  } finally {
    abortSignal?.removeEventListener("abort", abort);
  }
}

/** Loads the code that sends signals, because a page needs it only once a user answers. Retries as {@link send} does. */
export async function loadSend(): Promise<typeof import("./send-now.js")> {
  const backoff = new Backoff();
  for (let retries = 0; ; retries += 1) {
    try {
      return await import("./send-now.js");
    } catch (cause) {
      if (retries === MAX_RETRIES) {
        throw cause;
      }
      const wait = backoff.next({ min: timing.signalRetryMin, max: timing.signalRetryMax });
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}
