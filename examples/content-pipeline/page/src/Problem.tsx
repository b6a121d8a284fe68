import { ConnectionError } from "fanfare";

/** Shows an error of the subscription. The page reconnects on its own, so a lost connection is only a note. */
export function Problem({ error }: { readonly error: Error | null }) {
  if (error === null) {
    return null;
  }
  if (error instanceof ConnectionError && !error.fatal && error.code === undefined) {
    return <p className="note">Cannot reach the server. This page reconnects automatically.</p>;
  }
  return (
    <p className="problem" role="alert">
      {error.message}
    </p>
  );
}
