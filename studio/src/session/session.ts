import { createContext, useContext } from "react";
import type { Api } from "../api/api.js";
import type { Definition, ServerInfo } from "../api/types.js";

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

const STORAGE_KEY = "fanfare-studio-bearer";

export function readStoredBearer(): string | undefined {
  return sessionStorage.getItem(STORAGE_KEY) ?? undefined;
}

/**
 * Takes the key or token from a link like `/studio#key=…` or `/studio#key=…&view=runs/run_42`. It does not stay in the URL
 * and in the browser's history.
 */
export function takeLinkedBearer(): string | undefined {
  const [, bearer, view = ""] = /^#key=([^&]+)(?:&view=(.*))?$/.exec(location.hash) ?? [];
  if (bearer === undefined) return undefined;
  history.replaceState(null, "", `#/${view}`);
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
