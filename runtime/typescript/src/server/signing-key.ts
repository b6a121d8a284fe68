/**
 * The key as it is sent: its prefix kept and the rest replaced by the SHA-256 of
 * its bytes, so that no proxy's log holds the key itself.
 */
export async function hashedKey(key: string): Promise<string> {
  const [, prefix = "", rest = ""] = /^(signkey-\w+-)?((?:[0-9a-f]{2})+)$/iu.exec(key) ?? [];
  if (rest === "") {
    // A key of another form has no bytes to hash.
    return key;
  }
  const bytes = Uint8Array.from(rest.match(/../gu) ?? [], (pair) => Number.parseInt(pair, 16));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return prefix + Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Throws where a page could read the key. */
export function refuseBrowsers(): void {
  if (typeof window !== "undefined") {
    throw new Error(
      "`fanfare/server` holds the signing key, with which anyone could publish to every channel and " +
        "read them all: call it on your server only (a route, a server action), and give pages a " +
        "token from there. `window` exists here, so this is a page",
    );
  }
}
