import { explainSize, failureReason } from "../http/fetch-error.js";
import { retryAfter } from "../http/retry-after.js";
import type { PayloadIssue } from "../validate/standard-schema.js";
import { routeUrl } from "../wire.js";
import type { Route } from "../wire.js";
import { hashedKey } from "./signing-key.js";

/** Thrown when a fanfare server refuses a request or cannot be asked. */
export class RealtimeError extends Error {
  override readonly name = "RealtimeError";
  /** The HTTP status; undefined where there was no answer, or none was asked for. */
  readonly status: number | undefined;
  /** Why the payload breaks the definition; empty where that is not the reason. */
  readonly issues: readonly PayloadIssue[];
  /** After how many milliseconds the server asks to try again; undefined where it does not. */
  readonly retryAfter: number | undefined;

  constructor(
    message: string,
    options: {
      status?: number | undefined;
      issues?: readonly PayloadIssue[];
      retryAfter?: number | undefined;
      cause?: unknown;
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.status = options.status;
    this.issues = options.issues ?? [];
    this.retryAfter = options.retryAfter;
  }
}

export interface RequestSettings {
  readonly apiBaseUrl: string;
  readonly signingKey: string;
  /** How often a request is made again that was not answered, or with 429 or 5xx. */
  readonly retries: number;
}

export interface Request {
  readonly route: Route;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | ReadableStream<Uint8Array>;
  readonly signal?: AbortSignal | undefined;
}

/** No answer is given up after this time. A text stream takes as long as it takes. */
const TIMEOUT_MS = 30_000;
const FIRST_WAIT_MS = 200;

/** Asks the server, again and again where that is harmless; gives the JSON of its answer. */
export async function ask(settings: RequestSettings, request: Request): Promise<unknown> {
  // What was read from a stream is gone.
  const attempts = typeof request.body === "string" ? settings.retries + 1 : 1;
  for (let attempt = 1; ; attempt += 1) {
    const answer = await askOnce(settings, request);
    if (!(answer instanceof RealtimeError)) {
      return answer;
    }
    const isFarOff = (answer.retryAfter ?? 0) > TIMEOUT_MS;
    const isOver = attempt >= attempts || request.signal?.aborted === true || isFarOff;
    if (isOver || !isPassing(answer) || explainSize(request.body) !== undefined) {
      throw answer;
    }
    const wait = FIRST_WAIT_MS * 2 ** (attempt - 1) * (0.5 + Math.random() / 2);
    // Not all at once after a pause that the server asked for.
    await pause(Math.max(wait, (answer.retryAfter ?? 0) * (1 + Math.random() / 4)), request.signal);
  }
}

async function askOnce(settings: RequestSettings, request: Request): Promise<unknown> {
  const url = routeUrl(new URL(settings.apiBaseUrl), request.route);
  for (const [name, value] of Object.entries(request.query ?? {})) {
    if (value !== undefined) {
      url.searchParams.set(name, value);
    }
  }
  const isText = typeof request.body === "string";
  const limits = [request.signal, isText ? AbortSignal.timeout(TIMEOUT_MS) : undefined];
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: {
        authorization: `Bearer ${await hashedKey(settings.signingKey)}`,
        ...request.headers,
      },
      body: request.body,
      signal: AbortSignal.any(limits.filter((limit) => limit !== undefined)),
      // Required by Node for bodies that are streams, and in no type yet.
      ...(isText ? {} : { duplex: "half" }),
    });
    const text = await response.text();
    return response.ok ? parse(text) : refusal(response, text, url);
  } catch (cause) {
    const size = explainSize(request.body);
    const reason = size === undefined ? failureReason(cause) : `${failureReason(cause)}; ${size}`;
    return new RealtimeError(`${address(url)} could not be asked: ${reason}`, { cause });
  }
}

function refusal({ status, headers }: Response, text: string, url: URL): RealtimeError {
  const { error, data } = (parse(text) ?? {}) as {
    readonly error?: unknown;
    readonly data?: { readonly issues?: readonly PayloadIssue[] } | null;
  };
  const reason = typeof error === "string" ? error : text.slice(0, 200);
  const issues = Array.isArray(data?.issues) ? data.issues : [];
  return new RealtimeError(`${address(url)} answered ${status}: ${reason}`, {
    status,
    issues,
    retryAfter: retryAfter(headers),
  });
}

function isPassing({ status }: RealtimeError): boolean {
  return status === undefined || status === 429 || status >= 500;
}

function address(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Waits; an abort ends it early. */
function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener("abort", done);
  });
}
