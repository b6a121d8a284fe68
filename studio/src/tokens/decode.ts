/** The parts of a token that can be read without a key. Nothing here is verified. */
export interface DecodedToken {
  readonly header: unknown;
  readonly claims: Readonly<Record<string, unknown>>;
}

export function decodeToken(token: string): DecodedToken | undefined {
  const [header, claims, signature] = token.trim().split(".");
  if (header === undefined || claims === undefined || signature === undefined) return undefined;
  const [readHeader, readClaims] = [decodePart(header), decodePart(claims)];
  return typeof readClaims === "object" && readClaims !== null
    ? { header: readHeader, claims: readClaims as Record<string, unknown> }
    : undefined;
}

/** Describes what a token may do, one sentence each. */
export function describeClaims(claims: Readonly<Record<string, unknown>>): readonly string[] {
  const sentences: string[] = [];
  if (claims["admin"] === true) {
    sentences.push("It may use the admin routes: read everything, and cancel, retry, wake and rerun runs.");
  }
  const verb = claims["publish"] === true ? "publish to" : "subscribe to";
  for (const [channel, names] of grantsOf(claims["topics"])) {
    sentences.push(`It may ${verb} ${names.join(", ")} on ${channel}.`);
  }
  for (const [channel, names] of grantsOf(claims["signals"])) {
    sentences.push(`It may send ${names.join(", ")} to runs on ${channel}.`);
  }
  if (typeof claims["sub"] === "string") sentences.push(`Its subject is ${claims["sub"]}.`);
  if (typeof claims["jti"] === "string") sentences.push(`Its id is ${claims["jti"]}. Revoking the id ends it.`);
  return sentences.length === 0 ? ["It grants nothing."] : sentences;
}

function grantsOf(entries: unknown): ReadonlyMap<string, readonly string[]> {
  const grants = new Map<string, string[]>();
  for (const entry of Array.isArray(entries) ? entries : []) {
    const { channel, name } = Object(entry) as { channel?: unknown; name?: unknown };
    grants.set(String(channel), [...(grants.get(String(channel)) ?? []), String(name)]);
  }
  return grants;
}

function decodePart(part: string): unknown {
  try {
    const bytes = Uint8Array.from(atob(part.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes)) as unknown;
  } catch {
    return undefined;
  }
}
