import { ConnectionError } from "../errors.js";

/** Returns the base URL of the server's routes: the given one, or else the page's origin. */
export function serverUrl(apiBaseUrl: string | undefined): URL {
  const page = (globalThis as { location?: { href?: string; origin?: string } }).location;
  const base = apiBaseUrl ?? page?.origin;
  if (base === undefined || base === "null") {
    throw new ConnectionError(
      "`apiBaseUrl` is required outside of a web page, for example https://api.example.com",
      { fatal: true },
    );
  }
  try {
    return new URL(base, page?.href);
  } catch (cause) {
    throw new ConnectionError(`\`apiBaseUrl\` is not a URL: ${base}`, { fatal: true, cause });
  }
}
