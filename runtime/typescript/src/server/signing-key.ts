/**
 * Returns the signing key as it is sent. Of a hexadecimal key, this is the prefix and the SHA-256 of the
 * remaining bytes, so that the key itself never appears in a proxy's log. Another key is sent unchanged.
 */
export async function hashedKey(key: string): Promise<string> {
  const [, prefix = "", rest = ""] = /^(signkey-\w+-)?((?:[0-9a-f]{2})+)$/iu.exec(key) ?? [];
  if (rest === "") {
    // Only hexadecimal keys are hashed.
    return key;
  }
  const bytes = Uint8Array.from(rest.match(/../gu) ?? [], (pair) => Number.parseInt(pair, 16));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return prefix + Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Throws in a page, which could read the signing key. */
export function refuseBrowsers(): void {
  if (typeof window !== "undefined") {
    throw new Error(
      "`fanfare/server` must not run in a page (`window` exists): anyone with the signing key can publish to " +
        "every channel and read all of them. Call it on your server, such as in a route or a server action, and " +
        "give pages tokens",
    );
  }
}
