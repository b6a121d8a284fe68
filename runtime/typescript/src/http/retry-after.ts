/** A server that names a later time is asked again after this, lest a page never comes back. */
const MAX_WAIT_MS = 600_000;

/** How long a server asks to be left alone, in milliseconds: its header `Retry-After`. */
export function retryAfter(headers: Headers): number | undefined {
  const text = headers.get("retry-after")?.trim() ?? "";
  const wait = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isNaN(wait) ? undefined : Math.min(Math.max(wait, 0), MAX_WAIT_MS);
}
