import type { ChannelInput } from "../channel/channel.js";
import { deadline } from "../util/deadline.js";
import { ConnectionError } from "../errors.js";
import { timing } from "../util/timing.js";

/**
 * A token: the text itself, or an object that holds it as `key` or `token`.
 * What Inngest's `getClientSubscriptionToken` returns has this shape, too.
 */
export type TokenValue =
  | string
  | {
      readonly key?: string | undefined;
      readonly token?: string | undefined;
      readonly apiBaseUrl?: string | undefined;
      readonly channel?: ChannelInput | undefined;
      readonly topics?: readonly string[] | undefined;
    };

/**
 * Where a token comes from. A function is called again before a token ends, and when the
 * connection is made again and little of the token's time is left or the server refuses it. So a
 * subscription outlives its first token; prefer a function to a token itself. It has 30 seconds,
 * then it is called again.
 *
 * `"session"` fetches none: the server lets the page in by its own session, a cookie for example, and asks
 * again before what it grants ends. The hub needs an authorization hook (`HubBuilder::authorize`), and this is for
 * pages of the hub's own origin or of one that its owner has named.
 *
 * @example
 * ```ts
 * token: () => fetch("/api/token").then((response) => response.text())
 * ```
 */
export type TokenInput = TokenValue | (() => TokenValue | Promise<TokenValue>);

/** A token that was resolved. */
export interface Grant {
  /** Undefined where the session of the page stands in for one. */
  readonly token: string | undefined;
  readonly apiBaseUrl: string | undefined;
  /** Whether asking once more can bring another token. */
  readonly renewable: boolean;
}

/** What is given as the token where the page's session is to do. */
const SESSION = "session";

/** Anything else, the page of a 404 say, would only fail as a subprotocol that no WebSocket takes. */
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** A frame may have 32 KiB. A longer one would end the connection that all subscriptions share. */
const LONGEST_TOKEN = 24_000;

/** Asks for tokens: never for two at once, however many reasons there are to ask. */
export class TokenSource {
  #pending: Promise<Grant> | undefined;
  #input: TokenInput | undefined;

  next(input: TokenInput | undefined): Promise<Grant> {
    if (this.#pending === undefined || input !== this.#input) {
      const pending = resolveToken(input).finally(() => {
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

/** Asks for the token. A factory that fails may do better the next time. */
export async function resolveToken(input: TokenInput | undefined): Promise<Grant> {
  const value = typeof input === "function" ? await callFactory(input) : input;
  const text = typeof value === "string" ? value : (value?.key ?? value?.token);
  // The body of a response often ends with a newline.
  const token = typeof text === "string" ? text.trim() : undefined;
  const renewable = typeof input === "function";
  const apiBaseUrl = typeof value === "object" ? value.apiBaseUrl : undefined;
  if (token === SESSION) {
    return { token: undefined, apiBaseUrl, renewable: true };
  }
  if (token === undefined || token === "") {
    throw new ConnectionError(
      renewable
        ? "The token factory returned no token: return a string or an object with a `key`"
        : "No token: give `token`, a string or a function that returns one",
      { fatal: !renewable },
    );
  }
  if (!JWT.test(token)) {
    const start = Array.from(token.slice(0, 20)).slice(0, 9).join("");
    throw new ConnectionError(`The token is not a JWT; it starts with \`${start}\``, {
      fatal: !renewable,
    });
  }
  if (token.length > LONGEST_TOKEN) {
    throw new ConnectionError(
      `The token is too long: it has ${token.length} characters, and at most ${LONGEST_TOKEN} are sent`,
      { fatal: !renewable },
    );
  }
  return { token, apiBaseUrl, renewable };
}

/**
 * Says what a token lacks for a subscription, as far as it can be read. The
 * server has the last word; but no one has to be asked to know as much.
 */
export function missingGrant(
  token: string | undefined,
  channel: string,
  topics: readonly string[] | undefined,
): string | undefined {
  const granted = token === undefined ? undefined : readClaims(token)?.topics;
  if (!Array.isArray(granted)) {
    return undefined;
  }
  const names = granted.filter((entry) => entry?.channel === channel).map((entry) => entry?.name);
  if (names.length === 0) {
    return `The token does not grant the channel "${channel}"`;
  }
  const missing = topics?.filter((topic) => !names.includes(topic)) ?? [];
  return missing.length === 0
    ? undefined
    : `The token does not grant ${missing.map((topic) => `"${topic}"`).join(", ")} of the channel "${channel}"`;
}

/** Whether a token can serve another connection: the server asks for a new one when so little is left. */
export function hasTimeLeft(token: string | undefined): boolean {
  if (token === undefined) {
    return true;
  }
  const { iat, exp } = readClaims(token) ?? {};
  if (typeof exp !== "number") {
    return false;
  }
  const quarter = typeof iat === "number" ? (exp - iat) / 4 : Infinity;
  return exp - Date.now() / 1000 > Math.min(quarter, 30);
}

/** Whether the token's time is over by this machine's clock, which may be wrong. */
export function seemsExpired(token: string): boolean {
  const expiry = readClaims(token)?.exp;
  return typeof expiry === "number" && expiry * 1000 < Date.now();
}

async function callFactory(factory: () => TokenValue | Promise<TokenValue>): Promise<TokenValue> {
  let cancelDeadline = () => {};
  const limit = new Promise<never>((_, reject) => {
    cancelDeadline = deadline(timing.token, () =>
      reject(new Error(`it did not settle within ${timing.token / 1000} seconds`)),
    );
  });
  try {
    return await Promise.race([factory(), limit]);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ConnectionError(`The token factory failed: ${reason}`, { fatal: false, cause });
  } finally {
    cancelDeadline();
  }
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
