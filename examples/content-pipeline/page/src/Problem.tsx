import { ConnectionError } from "fanfare";

/** What is wrong with the subscription; what passes by itself is no reason to worry. */
export function Problem({ error }: { readonly error: Error | null }) {
  if (error === null) {
    return null;
  }
  if (error instanceof ConnectionError && !error.fatal && error.code === undefined) {
    return <p className="note">The server cannot be reached. This page goes on by itself when it is back.</p>;
  }
  return (
    <p className="problem" role="alert">
      {error.message}
    </p>
  );
}
