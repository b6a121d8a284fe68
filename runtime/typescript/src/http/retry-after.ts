/** The longest delay that is honored, so that a page does reconnect some day. */
const MAX_DELAY_MS = 600_000;

/** Returns the delay that the header `Retry-After` requests, in milliseconds. */
export function retryAfter(headers: Headers): number | undefined {
  const text = headers.get("retry-after")?.trim() ?? "";
  const delay = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isNaN(delay) ? undefined : Math.min(Math.max(delay, 0), MAX_DELAY_MS);
}
