import { useEffect, useId, useRef, useState } from "react";
import type { Control } from "./schema.js";
import { isEqual } from "./shape.js";

interface ScalarProps {
  readonly id: string | undefined;
  readonly label: string;
  readonly control: Control;
  readonly value: unknown;
  readonly onChange: (value: unknown) => void;
  readonly isInvalid: boolean;
}

/** Edits a value that has no parts, or JSON that has no form. */
export function Scalar({ id, label, control, value, onChange, isInvalid }: ScalarProps) {
  const list = useId();
  const common = { id, "aria-label": id === undefined ? label : undefined };
  const checked = { ...common, "aria-invalid": isInvalid };
  switch (control.kind) {
    case "choice": {
      const chosen = control.values.findIndex((option) => isEqual(option, value));
      if (control.values.length === 1 && chosen === 0) {
        return <input {...common} value={textOf(value)} readOnly />;
      }
      return (
        <select {...checked} value={chosen} onChange={(event) => onChange(control.values[Number(event.target.value)])}>
          {chosen === -1 && <option value={-1}>Choose a value</option>}
          {control.values.map((option, at) => (
            <option key={at} value={at}>
              {option === "" ? '""' : textOf(option)}
            </option>
          ))}
        </select>
      );
    }
    case "boolean":
      return <input {...checked} type="checkbox" checked={value === true} onChange={(event) => onChange(event.target.checked)} />;
    case "null":
      return <input {...common} value="null" readOnly />;
    case "integer":
    case "number":
      return <JsonInput {...checked} value={value} onChange={onChange} inputMode="decimal" />;
    case "suggest":
      return (
        <>
          <input {...checked} list={list} value={String(value ?? "")} onChange={(event) => onChange(event.target.value)} />
          <datalist id={list}>
            {control.values.map((option) => (
              <option key={option} value={option} />
            ))}
          </datalist>
        </>
      );
    case "string":
      return <TextInput {...checked} value={String(value ?? "")} onChange={onChange} />;
    default:
      return <JsonInput {...checked} value={value} onChange={onChange} isMultiline />;
  }
}

interface TextInputProps {
  readonly id: string | undefined;
  readonly "aria-label": string | undefined;
  readonly "aria-invalid": boolean;
  readonly value: string;
  readonly onChange: (value: string) => void;
}

/** The browser needs long to lay out more characters. */
const MAX_SHOWN = 50_000;

function TextInput({ value, onChange, ...rest }: TextInputProps) {
  const [isWhole, setIsWhole] = useState(value.length <= MAX_SHOWN);
  if (!isWhole) {
    return (
      <div className="field-choice">
        <input {...rest} value={`${value.slice(0, 200)}…`} readOnly />
        <button type="button" className="button small" onClick={() => setIsWhole(true)}>
          Edit {value.length.toLocaleString("en-US")} characters
        </button>
      </div>
    );
  }
  const rows = value.length > 60 || value.includes("\n") ? 4 : 1;
  return <textarea {...rest} rows={rows} value={value} onChange={(event) => onChange(event.target.value)} />;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

interface JsonInputProps {
  readonly id: string | undefined;
  readonly "aria-label": string | undefined;
  readonly "aria-invalid": boolean;
  readonly value: unknown;
  readonly onChange: (value: unknown) => void;
  readonly inputMode?: "decimal";
  readonly isMultiline?: boolean;
}

/** Edits JSON text. A text that is not JSON is passed on as a string, and the form cannot be sent with it. */
function JsonInput({ value, onChange, inputMode, isMultiline = false, ...rest }: JsonInputProps) {
  const [text, setText] = useState(() => textOfJson(value));
  const element = useRef<HTMLInputElement & HTMLTextAreaElement>(null);
  useEffect(() => {
    if (!isEqual(parse(text), value)) setText(textOfJson(value));
  }, [value]);
  const problem = isMultiline ? findProblem(text, "JSON", () => true) : findProblem(text, "a number", (parsed) => typeof parsed === "number");
  useEffect(() => element.current?.setCustomValidity(problem), [problem]);
  const change = (newText: string) => {
    setText(newText);
    onChange(parse(newText));
  };
  const props = { ...rest, ref: element, value: text, "aria-invalid": rest["aria-invalid"] || problem !== "" };
  return (
    <>
      {isMultiline ? (
        <textarea
          {...props}
          rows={Math.min(8, Math.max(2, text.split("\n").length))}
          className="mono"
          onChange={(event) => change(event.target.value)}
        />
      ) : (
        <input {...props} inputMode={inputMode} onChange={(event) => change(event.target.value)} />
      )}
      {problem !== "" && !rest["aria-invalid"] && <p className="failure">{problem}</p>}
    </>
  );
}

function findProblem(text: string, expected: string, isExpected: (value: unknown) => boolean): string {
  try {
    return isExpected(JSON.parse(text)) ? "" : `This is not ${expected}.`;
  } catch {
    return `This is not ${expected}.`;
  }
}

function textOfJson(value: unknown): string {
  return JSON.stringify(value, null, 2) ?? "";
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
