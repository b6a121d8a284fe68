import { explainSize, failureReason } from "../http/fetch-error.js";
import { retryAfter } from "../http/retry-after.js";
import { delay } from "../util/delay.js";
import { parseJson } from "../util/parse-json.js";
import type { PayloadIssue } from "../validate/standard-schema.js";
import { routeUrl } from "../wire.js";
import type { Route } from "../wire.js";
import { hashedKey } from "./signing-key.js";

/**
 * Thrown if a fanfare server refuses a request or is unreachable, or if a payload is invalid, before
 * any request.
 */
export class RealtimeError extends Error {
  override readonly name = "RealtimeError";
  /** The HTTP status; undefined if there was no response or no request was sent. */
  readonly status: number | undefined;
  /** How the payload violates the definition; empty if that is not the reason. */
  readonly issues: readonly PayloadIssue[];
  /** The delay that the server requested, in milliseconds; undefined if it did not. */
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    options: {
      status?: number | undefined;
      issues?: readonly PayloadIssue[];
      retryAfterMs?: number | undefined;
      cause?: unknown;
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.status = options.status;
    this.issues = options.issues ?? [];
    this.retryAfterMs = options.retryAfterMs;
  }
}

export interface RequestSettings {
  readonly apiBaseUrl: string;
  readonly signingKey: string;
  /** The maximum number of retries of a request that fails with a network error, 429 or 5xx. */
  readonly maxRetries: number;
}

export interface ServerRequest {
  readonly route: Route;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | ReadableStream<Uint8Array>;
  readonly abortSignal?: AbortSignal | undefined;
}

/** The timeout of a request. Text streams have none. */
const TIMEOUT_MS = 30_000;
const FIRST_DELAY_MS = 200;

/**
 * Sends a request, and repeats it after temporary failures if its body can be sent again. Returns the
 * JSON of the response.
 */
export async function request(settings: RequestSettings, options: ServerRequest): Promise<unknown> {
  // A stream can be read only once.
  const attempts = typeof options.body === "string" ? settings.maxRetries + 1 : 1;
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await requestOnce(settings, options);
    if (!(outcome instanceof RealtimeError)) {
      return outcome;
    }
    const isDelayTooLong = (outcome.retryAfterMs ?? 0) > TIMEOUT_MS;
    const isLast = attempt >= attempts || options.abortSignal?.aborted === true || isDelayTooLong;
    if (isLast || !isTransient(outcome) || explainSize(options.body) !== undefined) {
      throw outcome;
    }
    const delayMs = FIRST_DELAY_MS * 2 ** (attempt - 1) * (0.5 + Math.random() / 2);
    // With jitter, because the server may have requested the same delay from many clients.
    await delay(Math.max(delayMs, (outcome.retryAfterMs ?? 0) * (1 + Math.random() / 4)), options.abortSignal);
  }
}

async function requestOnce(settings: RequestSettings, options: ServerRequest): Promise<unknown> {
  const url = routeUrl(new URL(settings.apiBaseUrl), options.route);
  for (const [name, value] of Object.entries(options.query ?? {})) {
    if (value !== undefined) {
      url.searchParams.set(name, value);
    }
  }
  const isText = typeof options.body === "string";
  const limits = [options.abortSignal, isText ? AbortSignal.timeout(TIMEOUT_MS) : undefined];
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: {
        authorization: `Bearer ${await hashedKey(settings.signingKey)}`,
        ...options.headers,
      },
      body: options.body,
      signal: AbortSignal.any(limits.filter((limit) => limit !== undefined)),
      // Node requires this for streams; the types lack it.
      ...(isText ? {} : { duplex: "half" }),
    });
    const text = await response.text();
    return response.ok ? parseJson(text) : responseError(response, text, url);
  } catch (cause) {
    const size = explainSize(options.body);
    const reason = size === undefined ? failureReason(cause) : `${failureReason(cause)}; ${size}`;
    return new RealtimeError(`The request to ${address(url)} failed: ${reason}`, { cause });
  }
}

function responseError({ status, headers }: Response, text: string, url: URL): RealtimeError {
  const { error, data } = (parseJson(text) ?? {}) as {
    readonly error?: unknown;
    readonly data?: { readonly issues?: readonly PayloadIssue[] } | null;
  };
  const reason = typeof error === "string" ? error : text.slice(0, 200);
  const issues = Array.isArray(data?.issues) ? data.issues : [];
  return new RealtimeError(`${address(url)} responded with status ${status}: ${reason}`, {
    status,
    issues,
    retryAfterMs: retryAfter(headers),
  });
}

function isTransient({ status }: RealtimeError): boolean {
  return status === undefined || status === 429 || status >= 500;
}

function address(url: URL): string {
  return `${url.origin}${url.pathname}`;
}
