import { type ReactNode, useMemo, useState } from "react";
import { CopyButton } from "./CopyButton.js";

/** How many characters are shown at first, and with each click. The browser needs long to lay out more. */
const FIRST_SHOWN = 20_000;
const MORE_SHOWN = 100_000;

/** A JSON value with colours, and a button that copies it. */
export function Json({ value, label = "JSON" }: { readonly value: unknown; readonly label?: string }) {
  const text = useMemo(() => JSON.stringify(value, null, 2) ?? "undefined", [value]);
  return <Block text={text} label={label} render={tokens} />;
}

/** Code with a button that copies it. */
export function Code({ text, label }: { readonly text: string; readonly label: string }) {
  return <Block text={text} label={label} render={plain} />;
}

interface BlockProps {
  readonly text: string;
  readonly label: string;
  readonly render: (text: string) => ReactNode;
}

function Block({ text, label, render }: BlockProps) {
  const [count, setCount] = useState(FIRST_SHOWN);
  const shown = text.slice(0, count);
  return (
    <div className="code">
      <div className="code-actions">
        <CopyButton text={text} />
      </div>
      <pre tabIndex={0} role="group" aria-label={label}>
        {useMemo(() => render(shown), [shown, render])}
      </pre>
      {shown.length < text.length && (
        <button type="button" className="button small" onClick={() => setCount(count + MORE_SHOWN)}>
          Show more of {text.length.toLocaleString("en-US")} characters
        </button>
      )}
    </div>
  );
}

function plain(text: string): ReactNode {
  return text;
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
