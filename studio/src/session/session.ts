import { createContext, useContext } from "react";
import type { Api } from "../api/api.js";
import type { Definition, ServerInfo } from "../api/types.js";
import { hrefOf, parseHash } from "../route.js";

/** The state that all views of a signed-in page share. */
export interface Session {
  readonly api: Api;
  readonly server: ServerInfo;
  readonly definitions: readonly Definition[];
}

export const SessionContext = createContext<Session | undefined>(undefined);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === undefined) {
    throw new Error("useSession is called outside of a session");
  }
  return session;
}

const SIGN_IN = "sign_in";
const STORAGE_KEY = "fanfare-studio-bearer";

export function readStoredBearer(): string | undefined {
  return sessionStorage.getItem(STORAGE_KEY) ?? undefined;
}

/** Takes the key or token from a link that signs in, such as `#/runs?sign_in=<token>`. It does not stay in the URL. */
export function takeLinkedBearer(): string | undefined {
  const { path, query } = parseHash(location.hash);
  const bearer = query.get(SIGN_IN);
  if (bearer === null) return undefined;
  query.delete(SIGN_IN);
  history.replaceState(null, "", hrefOf(path, Object.fromEntries(query)));
  storeBearer(bearer);
  return bearer;
}

/** Stores the key or token until the tab is closed, or removes it. */
export function storeBearer(bearer: string | undefined): void {
  if (bearer === undefined) {
    sessionStorage.removeItem(STORAGE_KEY);
  } else {
    sessionStorage.setItem(STORAGE_KEY, bearer);
  }
}
