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
 * Signs in with the key or token of a link like `/studio#key=…` or `/studio#key=…&view=runs/run_42`, if the URL is one. It
 * does not stay in the URL and in the browser's history. If the tab has another key or token, the user decides.
 */
export function signInByLink(current: string | undefined): string | undefined {
  const [, linked, view = ""] = /^#key=([^&]+)(?:&view=(.*))?$/.exec(location.hash) ?? [];
  if (linked === undefined) return current;
  history.replaceState(null, "", `#/${view}`);
  const question = "This link has another key or token than the one you signed in with. Use it in this tab?";
  if (current !== undefined && current !== linked && !confirm(question)) return current;
  storeBearer(linked);
  return linked;
}

/** Stores the key or token until the tab is closed, or removes it. */
export function storeBearer(bearer: string | undefined): void {
  if (bearer === undefined) {
    sessionStorage.removeItem(STORAGE_KEY);
  } else {
    sessionStorage.setItem(STORAGE_KEY, bearer);
  }
}
