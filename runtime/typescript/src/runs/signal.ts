import type { SignalReference } from "../channel/channel.js";
import { Backoff } from "../connection/backoff.js";
import { ConnectionError, SignalError } from "../errors.js";
import type { SignalErrorCode } from "../errors.js";
import { explainSize, failureReason } from "../http/fetch-error.js";
import { retryAfter } from "../http/retry-after.js";
import { serverUrl } from "../http/server-url.js";
import { deadline } from "../util/deadline.js";
import { delay } from "../util/delay.js";
import { messageOf } from "../util/message-of.js";
import { parseJson } from "../util/parse-json.js";
import { timing } from "../util/timing.js";
import { describeIssues, payloadIssue, validate } from "../validate/standard-schema.js";
import type { PayloadIssue } from "../validate/standard-schema.js";
import { routeUrl } from "../wire.js";

/** The receipt for a signal that was recorded. */
export interface SignalReceipt {
  /** The run that it was sent to. */
  readonly runId: string;
  /** When the signal arrived at the server. */
  readonly receivedAt: Date;
  /**
   * `accepted`: the signal is the answer to an open question of the run. `kept`: the run has not asked
   * for it yet. It is kept for the first question that asks for it. If signals of several names are
   * kept for that question, the earliest is the answer and the others are dropped.
   */
  readonly status: "accepted" | "kept";
}

/** Options of a signal. */
export interface SignalOptions {
  /**
   * The run, if several are on the channel. Default: the run that has waited longest for the signal, or, if
   * none waits for it, the oldest unfinished run, which keeps it.
   */
  readonly runId?: string | undefined;
  /**
   * The id of the question that the user saw, which also selects the run. If the question is no longer open,
   * the signal is refused.
   */
  readonly questionId?: string | undefined;
  /**
   * Ends the attempts when aborted. `send` then rejects with the reason of this `AbortSignal`, and the
   * signal may have been taken nevertheless.
   */
  readonly abortSignal?: AbortSignal | undefined;
}

/** Where to send a signal, and how to authorize it. */
export interface Access {
  /** Undefined if the page's session is used instead. */
  readonly bearer: string | undefined;
  readonly apiBaseUrl: string | undefined;
  /** Whether another call can return another bearer. */
  readonly renewable: boolean;
}

/** How to send a signal. */
export interface SignalRequest extends SignalOptions {
  readonly getAccess: () => Promise<Access>;
  /** The maximum number of attempts after the first, if the server is unreachable or temporarily unavailable. */
  readonly maxRetries: number;
  readonly idempotencyKey?: string | undefined;
}

/** A failed attempt. */
interface Failure {
  readonly error: SignalError;
  /** What another attempt needs to succeed: another bearer, or time. Undefined if it would fail, too. */
  readonly retryWith: "bearer" | "time" | undefined;
  /** The delay that the server requested, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
}

/**
 * Validates and sends a signal, and retries after temporary failures. All attempts have the same
 * idempotency key, so that the signal is taken at most once.
 */
export async function sendSignal(
  reference: SignalReference,
  payload: unknown,
  request: SignalRequest,
): Promise<SignalReceipt> {
  const { abortSignal } = request;
  abortSignal?.throwIfAborted();
  const end = new AbortController();
  const abort = () => end.abort(abortSignal?.reason);
  abortSignal?.addEventListener("abort", abort, { once: true });
  const aborted = new Promise<never>((_, reject) => {
    end.signal.addEventListener("abort", () => reject(end.signal.reason), { once: true });
  });
  try {
    // A race, because a `token` function may never settle.
    return await Promise.race([sendWithRetries(reference, payload, request, end.signal), aborted]);
  } finally {
    abortSignal?.removeEventListener("abort", abort);
  }
}

async function sendWithRetries(
  reference: SignalReference,
  payload: unknown,
  request: SignalRequest,
  end: AbortSignal,
): Promise<SignalReceipt> {
  await validatePayload(reference, payload);
  const body = JSON.stringify(payload);
  const idempotencyKey = request.idempotencyKey ?? createIdempotencyKey();
  const backoff = new Backoff();
  let retries = 0;
  let hasRenewed = false;
  for (;;) {
    end.throwIfAborted();
    const outcome = await sendOnce(reference, body, idempotencyKey, request, end);
    if (!("error" in outcome)) {
      return outcome;
    }
    if (outcome.retryWith === "bearer" && !hasRenewed) {
      hasRenewed = true;
    } else if (outcome.retryWith === "time" && retries < request.maxRetries) {
      retries += 1;
      await delay(backoff.next({ min: timing.signalRetryMin, max: timing.signalRetryMax }, outcome.retryAfterMs), end);
    } else {
      throw outcome.error;
    }
  }
}

async function validatePayload({ channel, signal, schema }: SignalReference, payload: unknown): Promise<void> {
  const { issues } = await validate(schema, payload);
  if (issues !== undefined) {
    const why = `the payload is invalid: ${describeIssues(issues)}`;
    throw new SignalError(channel, signal, "invalid", why, { issues: issues.map(payloadIssue) });
  }
}

async function sendOnce(
  reference: SignalReference,
  body: string,
  idempotencyKey: string,
  { getAccess, ...options }: SignalRequest,
  end: AbortSignal,
): Promise<SignalReceipt | Failure> {
  let access: Access;
  try {
    access = await getAccess();
  } catch (cause) {
    return accessFailure(reference, cause);
  }
  try {
    const url = signalUrl(reference, options, access);
    const headers = {
      ...(access.bearer === undefined ? {} : { authorization: `Bearer ${access.bearer}` }),
      "content-type": "application/json",
      "idempotency-key": idempotencyKey,
    };
    const credentials = access.bearer === undefined ? "include" : "same-origin";
    const request = { method: "POST", headers, body, cache: "no-store", credentials } as const;
    const { status, text, wait } = await post(url, request, end);
    const response = parseJson(text);
    return status >= 200 && status < 300
      ? receipt(reference, status, response)
      : { ...refusal(reference, status, response, access), retryAfterMs: wait };
  } catch (cause) {
    const size = explainSize(body);
    const why = size ?? `the request failed: ${failureReason(cause)}`;
    const code = size === undefined ? "unavailable" : "invalid";
    const error = new SignalError(reference.channel, reference.signal, code, why, { cause });
    return { error, retryWith: cause instanceof ConnectionError || size !== undefined ? undefined : "time" };
  }
}

function signalUrl(
  { channel, signal }: SignalReference,
  { runId, questionId }: SignalOptions,
  { apiBaseUrl }: Access,
): URL {
  const url = routeUrl(serverUrl(apiBaseUrl), "signal");
  const query = { channel, name: signal, run_id: runId, question: questionId };
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) {
      url.searchParams.set(name, value);
    }
  }
  return url;
}

async function post(
  url: URL,
  init: RequestInit,
  end: AbortSignal,
): Promise<{ readonly status: number; readonly text: string; readonly wait: number | undefined }> {
  end.throwIfAborted();
  const limit = new AbortController();
  const cancelDeadline = deadline(timing.signalTimeout, () => limit.abort(new Error("the server did not respond in time")));
  const abort = () => limit.abort(end.reason);
  end.addEventListener("abort", abort, { once: true });
  try {
    const response = await fetch(url, { ...init, signal: limit.signal });
    return { status: response.status, text: await response.text(), wait: retryAfter(response.headers) };
  } finally {
    cancelDeadline();
    end.removeEventListener("abort", abort);
  }
}

function receipt({ channel, signal }: SignalReference, status: number, response: unknown): SignalReceipt | Failure {
  const { run_id: runId, at, status: state } = Object(response) as Readonly<Record<string, unknown>>;
  if (typeof runId === "string" && typeof at === "string") {
    return { runId, receivedAt: new Date(at), status: state === "kept" ? "kept" : "accepted" };
  }
  // For example the page that a development server returns for every address.
  const why = "the response is not one of a fanfare server; check `apiBaseUrl`";
  return { error: new SignalError(channel, signal, "unavailable", why, { status }), retryWith: undefined };
}

/** Returns the failure of a `token` function, which may succeed the next time. */
function accessFailure({ channel, signal }: SignalReference, cause: unknown): Failure {
  const error = new SignalError(channel, signal, "unauthorized", messageOf(cause), { cause });
  return { error, retryWith: cause instanceof ConnectionError && !cause.fatal ? "time" : undefined };
}

interface RefusalData {
  readonly code?: unknown;
  readonly signal?: unknown;
  readonly payload?: unknown;
  readonly by?: unknown;
  readonly at?: unknown;
  readonly issues?: readonly PayloadIssue[];
}

function refusal(
  { channel, signal }: SignalReference,
  status: number,
  response: unknown,
  { renewable }: Access,
): Failure {
  const { error: reason, data } = Object(response) as { readonly error?: unknown; readonly data?: unknown };
  const { code: detail, signal: takenSignal, payload: takenPayload, by, at, issues } = Object(data) as RefusalData;
  const code = codeOf(status, detail);
  const why = typeof reason === "string" ? reason : `the server responded with status ${status}`;
  const error = new SignalError(channel, signal, code, why, {
    status,
    takenSignal: typeof takenSignal === "string" ? takenSignal : undefined,
    takenPayload,
    takenSender: typeof by === "string" ? by : undefined,
    takenAt: typeof at === "string" ? new Date(at) : undefined,
    issues: Array.isArray(issues) ? issues : undefined,
  });
  if (code === "unavailable") {
    return { error, retryWith: "time" };
  }
  return { error, retryWith: code === "unauthorized" && renewable ? "bearer" : undefined };
}

/** The codes of HTTP statuses without a code in the response. */
const CODES: Readonly<Record<number, SignalErrorCode>> = {
  400: "invalid",
  401: "unauthorized",
  403: "not_granted",
  408: "unavailable",
  413: "invalid",
  422: "invalid",
  429: "unavailable",
};

const SERVER_CODES: readonly unknown[] = ["already_taken", "too_late", "run_ended", "no_run", "unknown_channel", "unknown_signal"];

function codeOf(status: number, detail: unknown): SignalErrorCode {
  if ((status === 404 || status === 409) && SERVER_CODES.includes(detail)) {
    return detail as SignalErrorCode;
  }
  return status >= 500 ? "unavailable" : (CODES[status] ?? "unknown");
}

/** Returns a random key. Pages that are not served over HTTPS, as in development, have no `randomUUID`. */
function createIdempotencyKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
