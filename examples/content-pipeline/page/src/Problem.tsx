import { ConnectionError } from "fanfare";

/** Shows what is wrong with the subscription, and whether it recovers by itself. */
export function Problem({ error }: { readonly error: Error | null }) {
  if (error === null) {
    return null;
  }
  if (error instanceof ConnectionError && !error.fatal && error.code === undefined) {
    return <p className="note">The server cannot be reached. This page reconnects by itself.</p>;
  }
  return (
    <p className="problem" role="alert">
      {error.message}
    </p>
  );
}
