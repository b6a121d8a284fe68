import { useEffect, useId, useState } from "react";
import type { Control } from "./schema.js";

interface ScalarProps {
  readonly id: string;
  readonly control: Control;
  readonly value: unknown;
  readonly onChange: (value: unknown) => void;
  readonly isInvalid: boolean;
}

/** Edits a value that has no parts, or JSON that has no form. */
export function Scalar({ id, control, value, onChange, isInvalid }: ScalarProps) {
  const list = useId();
  switch (control.kind) {
    case "choice":
      if (control.values.length === 1 && control.values[0] === value) {
        return <input id={id} value={textOf(value)} readOnly />;
      }
      return (
        <select
          id={id}
          aria-invalid={isInvalid}
          value={control.values.indexOf(value)}
          onChange={(event) => onChange(control.values[Number(event.target.value)])}
        >
          {!control.values.includes(value) && <option value={-1}>Choose a value</option>}
          {control.values.map((option, at) => (
            <option key={JSON.stringify(option)} value={at}>
              {textOf(option)}
            </option>
          ))}
        </select>
      );
    case "boolean":
      return <input id={id} type="checkbox" checked={value === true} onChange={(event) => onChange(event.target.checked)} />;
    case "null":
      return <input id={id} value="null" readOnly />;
    case "integer":
    case "number":
      return <JsonInput id={id} value={value} onChange={onChange} isInvalid={isInvalid} inputMode="decimal" />;
    case "suggest":
      return (
        <>
          <input id={id} list={list} aria-invalid={isInvalid} value={String(value ?? "")} onChange={(event) => onChange(event.target.value)} />
          <datalist id={list}>
            {control.values.map((option) => (
              <option key={option} value={option} />
            ))}
          </datalist>
        </>
      );
    case "string":
      return (
        <textarea
          id={id}
          rows={String(value ?? "").length > 60 ? 4 : 1}
          aria-invalid={isInvalid}
          value={String(value ?? "")}
          onChange={(event) => onChange(event.target.value)}
        />
      );
    default:
      return <JsonInput id={id} value={value} onChange={onChange} isInvalid={isInvalid} isMultiline />;
  }
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

interface JsonInputProps {
  readonly id: string;
  readonly value: unknown;
  readonly onChange: (value: unknown) => void;
  readonly isInvalid: boolean;
  readonly inputMode?: "decimal";
  readonly isMultiline?: boolean;
}

/** Edits JSON text. A text that is not JSON is passed on as a string, which the check then refuses. */
function JsonInput({ id, value, onChange, isInvalid, inputMode, isMultiline = false }: JsonInputProps) {
  const [text, setText] = useState(() => JSON.stringify(value, null, 2) ?? "");
  useEffect(() => {
    if (!isSame(parse(text), value)) setText(JSON.stringify(value, null, 2) ?? "");
  }, [value]);
  const change = (newText: string) => {
    setText(newText);
    onChange(parse(newText));
  };
  const props = { id, value: text, "aria-invalid": isInvalid };
  return isMultiline ? (
    <textarea {...props} rows={5} className="mono" onChange={(event) => change(event.target.value)} />
  ) : (
    <input {...props} inputMode={inputMode} onChange={(event) => change(event.target.value)} />
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
