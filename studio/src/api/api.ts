import type { Issue, Page } from "./types.js";

/** A request that the server refused or did not answer. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    message: string,
    /** The status code, or 0 if the server did not answer. */
    readonly status: number,
    readonly code: string | undefined,
    readonly issues: readonly Issue[],
  ) {
    super(message);
  }
}

export type Parameters = Readonly<Record<string, string | number | undefined>>;

interface RequestOptions {
  readonly method?: "GET" | "POST";
  readonly body?: string;
  readonly contentType?: string;
  readonly signal?: AbortSignal | undefined;
}

/** The routes below `/v1/realtime` of the server that serves this page. */
export class Api {
  constructor(
    /** The signing key or an admin token. */
    readonly bearer: string,
    /** Called when the server refuses the key or token. */
    readonly onRefused: () => void = () => {},
  ) {}

  /** Whether the bearer is the signing key, which also mints tokens, publishes and sends signals. */
  get hasSigningKey(): boolean {
    return !isToken(this.bearer);
  }

  get<T>(path: string, parameters: Parameters = {}, signal?: AbortSignal): Promise<T> {
    return this.#request<T>(path, parameters, { signal });
  }

  post<T>(path: string, parameters: Parameters = {}, body = ""): Promise<T> {
    return this.#request<T>(path, parameters, { method: "POST", body });
  }

  /** Sends a text as a text stream. */
  postText<T>(path: string, parameters: Parameters, text: string): Promise<T> {
    return this.#request<T>(path, parameters, { method: "POST", body: text, contentType: "text/stream" });
  }

  /** Returns the items of all pages, at most `limit`. */
  async all<T>(path: string, parameters: Parameters, limit: number, signal?: AbortSignal): Promise<readonly T[]> {
    const items: T[] = [];
    let cursor: string | undefined;
    do {
      const page: Page<T> = await this.get(path, { ...parameters, limit: 500, cursor }, signal);
      items.push(...page.items);
      cursor = page.next;
    } while (cursor !== undefined && items.length < limit);
    return items;
  }

  /** Mints a token that subscribes to topics or sends signals. Needs the signing key. */
  async mint(grants: readonly Grant[], options: Parameters = {}): Promise<string> {
    return (await this.post<{ jwt: string }>("token", options, JSON.stringify(grants))).jwt;
  }

  async #request<T>(path: string, parameters: Parameters, options: RequestOptions): Promise<T> {
    const response = await send(`/v1/realtime/${path}${queryOf(parameters)}`, this.bearer, options);
    if (response.ok) {
      return (response.status === 204 ? undefined : await response.json()) as T;
    }
    if (response.status === 401) {
      this.onRefused();
    }
    throw await errorOf(response);
  }
}

export interface Grant {
  readonly channel: string;
  readonly name: string;
  /** `run` for a topic. */
  readonly kind: "run" | "signal";
}

/** Whether a text has the form of a token, and not of a signing key. */
export function isToken(text: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text);
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function send(url: string, bearer: string, options: RequestOptions): Promise<Response> {
  const { method = "GET", body, contentType, signal } = options;
  const headers = {
    authorization: `Bearer ${bearer}`,
    ...(contentType === undefined ? {} : { "content-type": contentType }),
  };
  try {
    return await fetch(url, { method, headers, cache: "no-store", body: body ?? null, signal: signal ?? null });
  } catch (error) {
    if (signal?.aborted) {
      throw error;
    }
    throw new ApiError("The server cannot be reached. Studio tries again.", 0, undefined, []);
  }
}

async function errorOf(response: Response): Promise<ApiError> {
  const { status } = response;
  const body: unknown = await response.json().catch(() => undefined);
  const { error, data } = Object(body) as { error?: unknown; data?: unknown };
  const { code, issues } = Object(data) as { code?: unknown; issues?: unknown };
  const message = typeof error === "string" ? error : `The server answered with status ${status}.`;
  return new ApiError(
    message,
    status,
    typeof code === "string" ? code : undefined,
    Array.isArray(issues) ? (issues as Issue[]) : [],
  );
}

function queryOf(parameters: Parameters): string {
  const entries = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== "");
  const query = new URLSearchParams(entries.map(([name, value]) => [name, String(value)])).toString();
  return query === "" ? "" : `?${query}`;
}
