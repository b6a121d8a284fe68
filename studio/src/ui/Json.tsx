import { useMemo, useState } from "react";
import { CopyButton } from "./CopyButton.js";

/** The most characters that are shown at once. */
const MAX_SHOWN = 20_000;

/** A JSON value with colours, and a button that copies it. */
export function Json({ value, label = "JSON" }: { readonly value: unknown; readonly label?: string }) {
  const text = useMemo(() => JSON.stringify(value, null, 2) ?? "undefined", [value]);
  const [isWhole, setIsWhole] = useState(false);
  const shown = isWhole ? text : text.slice(0, MAX_SHOWN);
  return (
    <div className="code">
      <div className="code-actions">
        <CopyButton text={text} />
      </div>
      <pre tabIndex={0} role="group" aria-label={label}>
        {useMemo(() => tokens(shown), [shown])}
      </pre>
      {shown.length < text.length && (
        <button type="button" className="button small" onClick={() => setIsWhole(true)}>
          Show all {text.length.toLocaleString("en-US")} characters
        </button>
      )}
    </div>
  );
}

/** Code with a button that copies it. */
export function Code({ text, label }: { readonly text: string; readonly label: string }) {
  return (
    <div className="code">
      <div className="code-actions">
        <CopyButton text={text} />
      </div>
      <pre tabIndex={0} role="group" aria-label={label}>
        {text}
      </pre>
    </div>
  );
}

const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null)\b|-?\d[\d.eE+-]*/g;

function tokens(text: string) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(TOKEN)) {
    const [whole, string, colon, word] = match;
    const kind = colon !== undefined ? "key" : string !== undefined ? "string" : word !== undefined ? "word" : "number";
    const token = colon === undefined ? whole : (string ?? "");
    parts.push(text.slice(end, match.index));
    parts.push(
      <span key={match.index} className={`json-${kind}`}>
        {token}
      </span>,
    );
    end = match.index + token.length;
  }
  parts.push(text.slice(end));
  return parts;
}
