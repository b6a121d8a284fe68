import { useState } from "react";
import { useSession } from "../session/session.js";
import { CopyButton } from "../ui/CopyButton.js";
import { Json } from "../ui/Json.js";
import { Note } from "../ui/Notice.js";
import { formatDuration, formatTime, useNow } from "../ui/time.js";
import { decodeToken, describeClaims } from "./decode.js";
import { MintForm } from "./MintForm.js";

/** Mints tokens, and shows what a token grants. */
export function TokensView() {
  const { api } = useSession();
  const [token, setToken] = useState("");
  return (
    <section className="page">
      <header className="page-head">
        <h1>Tokens</h1>
      </header>
      <div className="composer">
        <div>
          <h2>Mint a token</h2>
          {api.hasSigningKey ? (
            <MintForm onMint={setToken} />
          ) : (
            <Note>An admin token cannot mint tokens. Sign in with the signing key.</Note>
          )}
        </div>
        <div>
          <h2>Read a token</h2>
          <p className="quiet">The token is decoded in this page and not sent anywhere. Its signature is not verified.</p>
          <label>
            Token
            <textarea className="mono" rows={4} spellCheck={false} value={token} onChange={(event) => setToken(event.target.value)} />
          </label>
          {token !== "" && <Decoded token={token} />}
        </div>
      </div>
    </section>
  );
}

function Decoded({ token }: { readonly token: string }) {
  const decoded = decodeToken(token);
  const now = useNow();
  if (decoded === undefined) {
    return <p className="failure">This is not a token: it must have three parts of base64, separated by dots.</p>;
  }
  const expiry = Number(decoded.claims["exp"]) * 1000;
  return (
    <>
      <div className="actions">
        <CopyButton text={token.trim()} label="Copy the token" />
      </div>
      <ul className="grants">
        {describeClaims(decoded.claims).map((sentence) => (
          <li key={sentence}>{sentence}</li>
        ))}
        <li>
          {Number.isNaN(expiry)
            ? "It has no expiry, so servers refuse it."
            : expiry > now
              ? `It expires in ${formatDuration(expiry - now)}, at ${formatTime(expiry)}.`
              : `It expired ${formatDuration(now - expiry)} ago, at ${formatTime(expiry)}.`}
        </li>
      </ul>
      <Json value={decoded.claims} label="Claims" />
    </>
  );
}
