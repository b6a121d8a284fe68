import { Backoff } from "../connection/backoff.js";
import type { SignalReference } from "../channel/channel.js";
import { deadline } from "../util/deadline.js";
import { ConnectionError, SignalError } from "../errors.js";
import type { SignalErrorCode } from "../errors.js";
import { explainSize, failureReason } from "../http/fetch-error.js";
import { retryAfter } from "../http/retry-after.js";
import { serverUrl } from "../http/server-url.js";
import { describeIssues, payloadIssue, validate } from "../validate/standard-schema.js";
import type { PayloadIssue } from "../validate/standard-schema.js";
import { timing } from "../util/timing.js";
import { routeUrl } from "../wire.js";

/** A signal that was recorded. */
export interface SignalReceipt {
  /** The run that it was sent to. */
  readonly runId: string;
  /** When it was recorded. */
  readonly at: Date;
  /**
   * `accepted`: it is the answer to an open question of the run. `kept`: the run has not asked for
   * it yet. The first question that does gets it, unless another kept signal for that question
   * was recorded earlier.
   */
  readonly status: "accepted" | "kept";
}

/** What else may be said of a signal. */
export interface SignalOptions {
  /** For which run it is, where several are on the channel. Default: the one that waits for longest. */
  readonly runId?: string | undefined;
  /** The question that the user saw. If it is no longer open, the signal is refused. */
  readonly question?: string | undefined;
  /** Aborting it ends the attempts. The signal may have been taken nevertheless. */
  readonly signal?: AbortSignal | undefined;
}

/** What it takes to be let in. */
export interface Access {
  /** Undefined where the session of the page stands in for one. */
  readonly bearer: string | undefined;
  readonly apiBaseUrl: string | undefined;
  /** Whether asking once more can bring another bearer. */
  readonly renewable: boolean;
}

/** How a signal gets to the server. */
export interface SignalRequest extends SignalOptions {
  readonly access: () => Promise<Access>;
  /** How often it is sent again where the server was not reached or could not take it. */
  readonly retries: number;
  readonly idempotencyKey?: string | undefined;
}

/** An attempt that came to nothing, and what may help: another bearer, time, or nothing. */
interface Failure {
  readonly error: SignalError;
  readonly remedy: "bearer" | "time" | undefined;
  /** How long the server asked to wait, in milliseconds. */
  readonly retryAfter?: number | undefined;
}

/**
 * Validates and sends, again and again where that is of use. All attempts have one key, by which
 * the server knows a repeat: a signal is taken once.
 */
export async function sendSignal(
  reference: SignalReference,
  payload: unknown,
  request: SignalRequest,
): Promise<SignalReceipt> {
  const { signal } = request;
  signal?.throwIfAborted();
  const end = new AbortController();
  const abort = () => end.abort(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  const aborted = new Promise<never>((_, reject) => {
    end.signal.addEventListener("abort", () => reject(end.signal.reason), { once: true });
  });
  try {
    // Not even a token factory that never settles keeps who has lost interest.
    return await Promise.race([tryToSend(reference, payload, request, end.signal), aborted]);
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

async function tryToSend(
  reference: SignalReference,
  payload: unknown,
  request: SignalRequest,
  end: AbortSignal,
): Promise<SignalReceipt> {
  await check(reference, payload);
  const body = JSON.stringify(payload);
  const key = request.idempotencyKey ?? randomKey();
  const backoff = new Backoff();
  let retries = 0;
  let hasRenewed = false;
  for (;;) {
    end.throwIfAborted();
    const outcome = await attempt(reference, body, key, request, end);
    if (!("error" in outcome)) {
      return outcome;
    }
    if (outcome.remedy === "bearer" && !hasRenewed) {
      hasRenewed = true;
    } else if (outcome.remedy === "time" && retries < request.retries) {
      retries += 1;
      await pause(backoff.next({ min: timing.sendMin, max: timing.sendMax }, outcome.retryAfter), end);
    } else {
      throw outcome.error;
    }
  }
}

async function check({ channel, signal, schema }: SignalReference, payload: unknown): Promise<void> {
  const { issues } = await validate(schema, payload);
  if (issues !== undefined) {
    const why = `the payload is invalid: ${describeIssues(issues)}`;
    throw new SignalError(channel, signal, "invalid", why, { issues: issues.map(payloadIssue) });
  }
}

async function attempt(
  reference: SignalReference,
  body: string,
  key: string,
  { access, ...options }: SignalRequest,
  end: AbortSignal,
): Promise<SignalReceipt | Failure> {
  let granted: Access;
  try {
    granted = await access();
  } catch (cause) {
    return noAccess(reference, cause);
  }
  try {
    const url = urlOf(reference, options, granted);
    const headers = {
      ...(granted.bearer === undefined ? {} : { authorization: `Bearer ${granted.bearer}` }),
      "content-type": "application/json",
      "idempotency-key": key,
    };
    const credentials = granted.bearer === undefined ? "include" : "same-origin";
    const request = { method: "POST", headers, body, cache: "no-store", credentials } as const;
    const { status, text, wait } = await post(url, request, end);
    const answer = parse(text);
    return status >= 200 && status < 300
      ? receipt(reference, status, answer)
      : { ...refusal(reference, status, answer, granted), retryAfter: wait };
  } catch (cause) {
    const size = explainSize(body);
    const why = size ?? `the server could not be asked: ${failureReason(cause)}`;
    const code = size === undefined ? "unavailable" : "invalid";
    const error = new SignalError(reference.channel, reference.signal, code, why, { cause });
    return { error, remedy: cause instanceof ConnectionError || size !== undefined ? undefined : "time" };
  }
}

function urlOf(
  { channel, signal }: SignalReference,
  { runId, question }: SignalOptions,
  { apiBaseUrl }: Access,
): URL {
  const url = routeUrl(serverUrl(apiBaseUrl), "signal");
  const query = { channel, name: signal, run_id: runId, question };
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
  const cancelDeadline = deadline(timing.answer, () => limit.abort(new Error("it did not answer in time")));
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

function receipt({ channel, signal }: SignalReference, status: number, answer: unknown): SignalReceipt | Failure {
  const { run_id: runId, at, status: state } = Object(answer) as Readonly<Record<string, unknown>>;
  if (typeof runId === "string" && typeof at === "string") {
    return { runId, at: new Date(at), status: state === "kept" ? "kept" : "accepted" };
  }
  // A page that a development server has for every address, say.
  const why = "what answered is no fanfare server: look at `apiBaseUrl`";
  return { error: new SignalError(channel, signal, "unavailable", why, { status }), remedy: undefined };
}

/** A factory that fails may do better the next time. */
function noAccess({ channel, signal }: SignalReference, cause: unknown): Failure {
  const why = cause instanceof Error ? cause.message : String(cause);
  const error = new SignalError(channel, signal, "unauthorized", why, { cause });
  return { error, remedy: cause instanceof ConnectionError && !cause.fatal ? "time" : undefined };
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
  answer: unknown,
  { renewable }: Access,
): Failure {
  const { error: reason, data } = Object(answer) as { readonly error?: unknown; readonly data?: unknown };
  const { code: detail, signal: takenSignal, payload: takenPayload, by, at, issues } = Object(data) as RefusalData;
  const code = codeOf(status, detail);
  const why = typeof reason === "string" ? reason : `the server answered ${status}`;
  const error = new SignalError(channel, signal, code, why, {
    status,
    takenSignal: typeof takenSignal === "string" ? takenSignal : undefined,
    takenPayload,
    by: typeof by === "string" ? by : undefined,
    at: typeof at === "string" ? new Date(at) : undefined,
    issues: Array.isArray(issues) ? issues : undefined,
  });
  if (code === "unavailable") {
    return { error, remedy: "time" };
  }
  return { error, remedy: code === "unauthorized" && renewable ? "bearer" : undefined };
}

/** What a status means where the server does not say more. */
const CODES: Readonly<Record<number, SignalErrorCode>> = {
  400: "invalid",
  401: "unauthorized",
  403: "not_granted",
  408: "unavailable",
  413: "invalid",
  422: "invalid",
  429: "unavailable",
};

const DETAILS: readonly unknown[] = ["already_taken", "too_late", "run_ended", "no_run"];

function codeOf(status: number, detail: unknown): SignalErrorCode {
  if ((status === 404 || status === 409) && DETAILS.includes(detail)) {
    return detail as SignalErrorCode;
  }
  return status >= 500 ? "unavailable" : (CODES[status] ?? "unknown");
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Pages that are not served safely, such as a colleague's in development, have no `randomUUID`. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Ends early if nobody is interested any more. */
function pause(milliseconds: number, end: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    end.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
