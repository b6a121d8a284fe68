import type { ChannelInput } from "../channel/channel.js";
import { ConnectionError } from "../errors.js";
import { callFunction } from "./call-function.js";

/**
 * A token: a string, or an object that has it as `token` or, as Inngest spells it, as `key`.
 * `getClientSubscriptionToken` returns such an object. `"session"` selects the page's own session.
 */
export type TokenValue =
  | "session"
  | (string & {})
  | {
      readonly key?: string | undefined;
      readonly token?: string | undefined;
      readonly apiBaseUrl?: string | undefined;
      readonly channel?: ChannelInput | undefined;
      readonly topics?: readonly string[] | undefined;
    };

/**
 * A token, or a function that returns one. Prefer a function: a subscription then outlives its
 * first token. The function is called again before a token expires, and after a reconnect if little
 * of the token's time is left or the server rejects it. If it does not settle within 30 seconds, it
 * is called again.
 *
 * `"session"` uses no token: the server authorizes the page by its own session, such as a cookie, and
 * does so again before the grant expires. The hub needs an authorization hook
 * (`HubBuilder::authorize`), and the page must be of an origin in `HubBuilder::allowed_origins`, or of the
 * hub's own origin if none are set.
 *
 * @example
 * ```ts
 * token: async ({ channel }) => {
 *   const response = await fetch(`/api/token?channel=${encodeURIComponent(channel)}`);
 *   if (!response.ok) throw new Error(await response.text());
 *   return response.text();
 * }
 * ```
 */
export type TokenInput = TokenValue | ((request: TokenRequest) => TokenValue | Promise<TokenValue>);

/** The channel that needs a token, so that one function can serve all channels of a page. */
export interface TokenRequest {
  /** The channel's name: `pipeline:run_42`. */
  readonly channel: string;
  /** The topics to read. All that the caller may grant if undefined. */
  readonly topics?: readonly string[] | undefined;
  /** The signal to send, if the token is for one. */
  readonly signal?: string | undefined;
}

/** A token and its properties. */
export interface ResolvedToken {
  /** Undefined if the page's session is used instead. */
  readonly token: string | undefined;
  readonly apiBaseUrl: string | undefined;
  /** Whether resolving again can return another token. */
  readonly renewable: boolean;
}

/** The token that selects the page's session. */
const SESSION = "session";

/** Rejects anything else, such as the page of a 404, before it is sent. */
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** A frame may have 32 KiB. A longer one would end the connection that all subscriptions share. */
const MAX_TOKEN_LENGTH = 24_000;

/** Resolves tokens, at most one at a time. */
export class TokenSource {
  #pending: Promise<ResolvedToken> | undefined;
  #input: TokenInput | undefined;

  next(input: TokenInput | undefined, request: TokenRequest): Promise<ResolvedToken> {
    if (this.#pending === undefined || input !== this.#input) {
      const pending = resolveToken(input, request).finally(() => {
        if (this.#pending === pending) {
          this.#pending = undefined;
        }
      });
      this.#pending = pending;
      this.#input = input;
    }
    return this.#pending;
  }
}

/** Resolves a token. The error is fatal unless a `token` function may succeed the next time. */
export async function resolveToken(input: TokenInput | undefined, request: TokenRequest): Promise<ResolvedToken> {
  const value = typeof input === "function" ? await callFunction("token", () => input(request)) : input;
  const text = typeof value === "string" ? value : (value?.key ?? value?.token);
  // Response bodies often end with a newline.
  const token = typeof text === "string" ? text.trim() : undefined;
  const renewable = typeof input === "function";
  const apiBaseUrl = typeof value === "object" ? value.apiBaseUrl : undefined;
  if (token === SESSION) {
    return { token: undefined, apiBaseUrl, renewable: true };
  }
  const problem = describeProblem(token, renewable);
  if (problem !== undefined) {
    throw new ConnectionError(problem, { fatal: !renewable });
  }
  return { token, apiBaseUrl, renewable };
}

/** Returns an error message if a token cannot be sent. */
function describeProblem(token: string | undefined, renewable: boolean): string | undefined {
  if (token === undefined || token === "") {
    return renewable
      ? "The `token` function returned no token: return a string, or an object with a `token` or `key`"
      : "There is no token: set `token` to a string, or to a function that returns one";
  }
  if (!JWT.test(token)) {
    const start = Array.from(token.slice(0, 20)).slice(0, 9).join("");
    return `The token is not a JWT: it starts with \`${start}\`; check what the server that issues tokens returned`;
  }
  return token.length > MAX_TOKEN_LENGTH
    ? `The token is too long: it has ${token.length} characters, and the limit is ${MAX_TOKEN_LENGTH}; grant fewer topics`
    : undefined;
}

/** Returns an error message if a token does not grant the channel or one of the topics. Cannot tell for an unreadable one. */
export function describeMissingGrant(
  token: string | undefined,
  channel: string,
  topics: readonly string[] = [],
): string | undefined {
  const granted = token === undefined ? undefined : readClaims(token)?.topics;
  if (!Array.isArray(granted)) {
    return undefined;
  }
  const names = granted.filter((entry) => entry?.channel === channel).map((entry) => entry?.name);
  const missing = topics.filter((topic) => !names.includes(topic));
  if (names.length > 0 && missing.length === 0) {
    return undefined;
  }
  const what = names.length === 0 ? "" : `${missing.map((topic) => `"${topic}"`).join(", ")} of `;
  return `The token does not grant ${what}the channel "${channel}": create one that does`;
}

/** A token with more time left than this can be sent again, whatever its lifetime. */
const MAX_TIME_LEFT_SECONDS = 30;

/** Returns `true` if a token can be sent again. The server requests a renewal when less time is left. */
export function hasTimeLeft(token: string | undefined): boolean {
  if (token === undefined) {
    return true;
  }
  const { iat, exp } = readClaims(token) ?? {};
  if (typeof exp !== "number") {
    return false;
  }
  const quarter = typeof iat === "number" ? (exp - iat) / 4 : Infinity;
  return exp - Date.now() / 1000 > Math.min(quarter, MAX_TIME_LEFT_SECONDS);
}

/** Returns `true` if the token has expired by this machine's clock, which may be wrong. */
export function seemsExpired(token: string): boolean {
  const expiry = readClaims(token)?.exp;
  return typeof expiry === "number" && expiry * 1000 < Date.now();
}

interface Claims {
  readonly iat?: unknown;
  readonly exp?: unknown;
  readonly topics?: unknown;
}

function readClaims(token: string): Claims | undefined {
  try {
    const body = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(body), (character) => character.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof claims === "object" && claims !== null ? claims : undefined;
  } catch {
    return undefined;
  }
}
