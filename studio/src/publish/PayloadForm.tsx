import { useEffect, useMemo, useRef, useState } from "react";
import { type Api, ApiError } from "../api/api.js";
import type { Issue, JsonSchema } from "../api/types.js";
import { useSession } from "../session/session.js";
import { Field } from "./form/Field.js";
import { initialOf } from "./form/initial.js";

interface PayloadFormProps {
  /** The schema of the payload, if the server describes it. */
  readonly schema: JsonSchema | undefined;
  /** The topic or signal that the payload is for, of a channel or of a definition. */
  readonly check: { readonly channel: string; readonly topic?: string; readonly signal?: string };
  /** Changes if the schema does. */
  readonly version?: string;
  readonly label: string;
  readonly submit: string;
  /** The payload to begin with, in place of an example. */
  readonly draft?: { readonly payload: unknown } | undefined;
  readonly onSubmit: (payload: string) => Promise<void>;
  readonly onChange?: (payload: unknown) => void;
}

/** Edits a payload, as a form or as JSON, and checks it with the server while the user types. */
export function PayloadForm({ schema, check, version, label, submit, draft, onSubmit, onChange }: PayloadFormProps) {
  const [text, setText] = useState(() => textOf(draft !== undefined ? draft.payload : schema === undefined ? {} : initialOf(schema, schema)));
  const [hasExample] = useState(schema !== undefined && draft === undefined);
  /** The text that the user has not edited. */
  const suggested = useRef(text);
  useExample(check, hasExample, version, (payload) => {
    const [before, example] = [suggested.current, textOf(payload)];
    suggested.current = example;
    setText((old) => (old === before ? example : old));
  });
  const [isForm, setIsForm] = useState(schema !== undefined);
  const [isSending, setIsSending] = useState(false);
  const parsed = useMemo(() => parse(text), [text]);
  const { issues, text: checkedText, refusal } = useIssues(check, version, text, parsed !== undefined);
  useEffect(() => {
    if (parsed !== undefined) onChange?.(parsed.value);
  }, [text]);

  const send = async () => {
    setIsSending(true);
    await onSubmit(text);
    setIsSending(false);
  };
  const shown = isForm && schema !== undefined && parsed !== undefined;
  const hidden = shown ? issues.filter(({ path }) => !isReachable(path, parsed.value)) : issues;
  return (
    <form
      className="payload-form"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      {shown ? (
        <Field
          schema={schema}
          root={schema}
          path=""
          label="Payload"
          value={parsed.value}
          onChange={(value) => setText(textOf(value))}
          issues={issues}
        />
      ) : (
        <textarea
          className="mono"
          aria-label={label}
          rows={Math.min(16, Math.max(4, text.split("\n").length))}
          spellCheck={false}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      )}
      <IssueList issues={hidden} />
      {parsed === undefined && <p className="failure">This is not JSON.</p>}
      {refusal !== undefined && <p className="failure">The server cannot check this: {refusal}</p>}
      <div className="actions">
        <button type="submit" className="button primary" disabled={isSending || parsed === undefined || issues.length > 0}>
          {submit}
        </button>
        {schema !== undefined && (
          <button type="button" className="button" onClick={() => setIsForm(!isForm)}>
            {isForm ? "Edit as JSON" : "Edit as a form"}
          </button>
        )}
        <span className="quiet" role="status">
          {parsed === undefined ? "" : describeCheck(issues, checkedText, text)}
        </span>
      </div>
    </form>
  );
}

function describeCheck(issues: readonly Issue[], checkedText: string | undefined, text: string): string {
  if (checkedText === undefined) return "Checked when it is sent";
  if (checkedText !== text) return "Checking…";
  return issues.length === 0 ? "Valid" : "Not valid";
}

function IssueList({ issues }: { readonly issues: readonly Issue[] }) {
  if (issues.length === 0) return null;
  return (
    <ul className="failure">
      {issues.map((issue) => (
        <li key={issue.path + issue.rule + issue.message}>
          <code>{issue.path === "" ? "/" : issue.path}</code> {issue.message}
        </li>
      ))}
    </ul>
  );
}

/** Loads a small valid payload. Not each server has one for each schema. */
function useExample(
  check: PayloadFormProps["check"],
  isWanted: boolean,
  version: string | undefined,
  onExample: (payload: unknown) => void,
): void {
  const { api } = useSession();
  useEffect(() => {
    if (!isWanted) return;
    let isCurrent = true;
    api.get<{ payload: unknown }>("admin/example", check).then(
      ({ payload }) => isCurrent && onExample(payload),
      () => {},
    );
    return () => {
      isCurrent = false;
    };
  }, [version]);
}

function textOf(value: unknown): string {
  return JSON.stringify(value, null, 2);
}

interface Checked {
  readonly issues: readonly Issue[];
  /** The text that the server checked, if it could. */
  readonly text: string | undefined;
  /** Why the server does not check the payload, such as a name that no channel can have. */
  readonly refusal?: string | undefined;
}

const CHECK_MS = 200;

/** Servers that do not have the route that checks payloads. */
const withoutCheck = new WeakSet<Api>();

/** Returns the issues that the server finds. A server without the route finds none before the payload is sent. */
function useIssues(check: PayloadFormProps["check"], version: string | undefined, text: string, isJson: boolean) {
  const { api } = useSession();
  const [state, setState] = useState<Checked>({ issues: [], text: undefined });
  const latest = useRef(0);
  useEffect(() => {
    if (!isJson || check.channel === "" || withoutCheck.has(api)) return;
    let isCurrent = true;
    const run = async () => {
      latest.current = Date.now();
      try {
        const { issues } = await api.post<{ issues: readonly Issue[] }>("admin/check", check, text);
        if (isCurrent) setState({ issues, text });
      } catch (error) {
        if (!isCurrent || !(error instanceof ApiError)) return;
        if (error.status === 404 && error.code === undefined) withoutCheck.add(api);
        setState({ issues: [], text: undefined, refusal: error.code === undefined ? undefined : error.message });
      }
    };
    // While the user types, at most one check in this time.
    const timer = setTimeout(() => void run(), Math.max(0, latest.current + CHECK_MS - Date.now()));
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [text, isJson, version, check.channel, check.topic, check.signal]);
  return state;
}

function parse(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}

/** Returns `true` if the form has a field for a path, which then shows the issue. */
function isReachable(path: string, value: unknown): boolean {
  let current = value;
  for (const part of path.split("/").slice(1)) {
    const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof current !== "object" || current === null || !(name in current)) return false;
    current = (current as Record<string, unknown>)[name];
  }
  return true;
}
