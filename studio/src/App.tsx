import { useEffect, useMemo, useState } from "react";
import { Api, ApiError } from "./api/api.js";
import type { Definition, ServerInfo } from "./api/types.js";
import { usePolled } from "./api/use-polled.js";
import { ChannelsView } from "./channels/ChannelsView.js";
import { HealthView } from "./health/HealthView.js";
import { MessagesView } from "./messages/MessagesView.js";
import { PublishView } from "./publish/PublishView.js";
import { useRoute } from "./route.js";
import { RunView } from "./runs/RunView.js";
import { RunsView } from "./runs/RunsView.js";
import { readStoredBearer, SessionContext, signInByLink, storeBearer } from "./session/session.js";
import { Shell } from "./session/Shell.js";
import { SignIn } from "./session/SignIn.js";
import { TokensView } from "./tokens/TokensView.js";
import { ErrorNotice } from "./ui/Notice.js";
import { setServerTime } from "./ui/time.js";

/** The page: it asks for a key first, and then shows the view that the URL names. */
export function App() {
  const [bearer, setBearer] = useState(() => signInByLink(readStoredBearer()));
  const [reason, setReason] = useState<string>();
  useEffect(() => {
    // The link was opened in a tab that has the page already.
    const onHashChange = () => setBearer(signInByLink(bearer));
    addEventListener("hashchange", onHashChange);
    return () => removeEventListener("hashchange", onHashChange);
  }, [bearer]);
  const signOut = (why?: string) => {
    storeBearer(undefined);
    setReason(why);
    setBearer(undefined);
  };
  if (bearer === undefined) {
    const signIn = (newBearer: string, isStored: boolean) => {
      storeBearer(isStored ? newBearer : undefined);
      setBearer(newBearer);
    };
    return <SignIn reason={reason} onSignIn={signIn} />;
  }
  return <SignedIn key={bearer} bearer={bearer} onSignOut={signOut} />;
}

function SignedIn({ bearer, onSignOut }: { readonly bearer: string; readonly onSignOut: (why?: string) => void }) {
  const api = useMemo(
    () => new Api(bearer, () => onSignOut("The server no longer accepts this key or token. Sign in again.")),
    [bearer],
  );
  const loadServer = async (signal: AbortSignal) => {
    const info = await api.get<ServerInfo>("admin/server", {}, signal);
    setServerTime(info.now);
    return info;
  };
  const server = usePolled("server", loadServer, 1000);
  const definitions = usePolled(
    "definitions",
    async (signal) => (await api.get<{ items: readonly Definition[] }>("admin/definitions", {}, signal)).items,
    0,
  );
  const started = server.value?.started_at;
  // A server that was started again can have other definitions, and `fanfare dev` starts a hub for each change.
  useEffect(() => {
    if (started !== undefined && definitions.value !== undefined) definitions.refresh();
  }, [started]);

  if (server.value === undefined || definitions.value === undefined) {
    const error = server.error ?? definitions.error;
    return (
      <main className="loading">
        {error === undefined ? <p className="quiet">Loading…</p> : <ErrorNotice error={error} />}
        {error !== undefined && (
          <button type="button" className="button" onClick={() => onSignOut()}>
            Sign out
          </button>
        )}
      </main>
    );
  }
  const isUnreachable = server.error instanceof ApiError && [0, 502].includes(server.error.status);
  return (
    <SessionContext value={{ api, server: server.value, definitions: definitions.value }}>
      <Shell onSignOut={() => onSignOut()}>
        {isUnreachable && <ErrorNotice error={server.error} />}
        <CurrentView />
      </Shell>
    </SessionContext>
  );
}

function CurrentView() {
  const { path } = useRoute();
  const [view, id] = path;
  switch (view) {
    case "messages":
      return <MessagesView key={id} channel={id} />;
    case "channels":
      return <ChannelsView />;
    case "publish":
      return <PublishView />;
    case "health":
      return <HealthView />;
    case "tokens":
      return <TokensView />;
    default:
      return view === "runs" && id !== undefined ? <RunView key={id} runId={id} /> : <RunsView />;
  }
}
