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

/** Stores the key or token of a link like `/studio#key=…`. Returns `false` if the page was not opened with one. */
export function storeLinkedBearer(): boolean {
  const linked = /^#key=([^&]+)$/.exec(location.hash)?.[1];
  if (linked === undefined) return false;
  storeBearer(linked);
  // So that the key is neither in the address bar nor in the browser's history.
  history.replaceState(null, "", "#/");
  return true;
}

/** Stores the key or token until the tab is closed, or removes it. */
export function storeBearer(bearer: string | undefined): void {
  if (bearer === undefined) {
    sessionStorage.removeItem(STORAGE_KEY);
  } else {
    sessionStorage.setItem(STORAGE_KEY, bearer);
  }
}
