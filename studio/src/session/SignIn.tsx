import { type FormEvent, useState } from "react";
import { Api, ApiError } from "../api/api.js";
import type { ServerInfo } from "../api/types.js";
import { ErrorNotice } from "../ui/Notice.js";

interface SignInProps {
  /** Why the user has to sign in again. */
  readonly reason: string | undefined;
  readonly onSignIn: (bearer: string, isStored: boolean) => void;
}

/** Asks for the signing key or an admin token, and checks it. */
export function SignIn({ reason, onSignIn }: SignInProps) {
  const [bearer, setBearer] = useState("");
  const [isStored, setIsStored] = useState(false);
  const [error, setError] = useState<Error | undefined>(reason === undefined ? undefined : new Error(reason));
  const [isChecking, setIsChecking] = useState(false);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setIsChecking(true);
    try {
      await new Api(bearer.trim()).get<ServerInfo>("admin/server");
      onSignIn(bearer.trim(), isStored);
    } catch (failure) {
      setError(explain(failure));
    } finally {
      setIsChecking(false);
    }
  };

  return (
    <main className="sign-in">
      <form onSubmit={(event) => void submit(event)}>
        <h1>Fanfare Studio</h1>
        <p>Enter the signing key of this server, or an admin token.</p>
        <label>
          Signing key or admin token
          <input
            type="password"
            autoComplete="off"
            autoFocus
            required
            spellCheck={false}
            value={bearer}
            onChange={(event) => setBearer(event.target.value)}
          />
        </label>
        <label className="check">
          <input type="checkbox" checked={isStored} onChange={(event) => setIsStored(event.target.checked)} />
          Remember it until this tab is closed
        </label>
        <ErrorNotice error={error} />
        <button type="submit" className="button primary" disabled={isChecking || bearer.trim() === ""}>
          {isChecking ? "Checking…" : "Sign in"}
        </button>
        <p className="quiet">
          It is sent to this server only, and kept in the memory of this page unless you select the box. An admin token can
          read everything and manage runs, but cannot publish, send signals, mint tokens or subscribe.
        </p>
      </form>
    </main>
  );
}

function explain(failure: unknown): Error {
  const { status, message } = failure instanceof ApiError ? failure : { status: 0, message: String(failure) };
  switch (status) {
    case 0:
      return new Error("The server cannot be reached. Check that it is running, then try again.");
    case 401:
      return new Error("The server does not accept this key or token. Check that it is complete and has not expired.");
    case 404:
      return new Error("This server has no admin routes. Enable them with HubBuilder::admin_routes(true).");
    default:
      return new Error(message);
  }
}
