import { useState } from "react";
import { Icon } from "../../ui/Icon.js";
import { AddButton, Field, type FieldProps } from "./Field.js";
import { type Control, hasShape, initialOf } from "./schema.js";

type PartsProps<Kind extends Control["kind"]> = FieldProps & { readonly control: Extract<Control, { kind: Kind }> };

/** The members of an object: the required ones, the optional ones that are set, and any others that may be added. */
export function ObjectFields({ control, root, path, value, onChange, issues }: PartsProps<"object">) {
  const members: Readonly<Record<string, unknown>> =
    typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
  const known = new Set(control.properties.map(({ name }) => name));
  const absent = control.properties.filter(({ name }) => members[name] === undefined);
  const others = Object.keys(members).filter((name) => !known.has(name));
  const set = (name: string, member: unknown) => onChange({ ...members, [name]: member });
  const remove = (name: string) => {
    const { [name]: _, ...rest } = members;
    onChange(rest);
  };
  return (
    <div className="parts">
      {control.properties
        .filter(({ name }) => members[name] !== undefined)
        .map(({ name, schema, isRequired }) => (
          <Field
            key={name}
            schema={schema}
            root={root}
            path={`${path}/${escape(name)}`}
            label={name}
            value={members[name]}
            onChange={(member) => set(name, member)}
            issues={issues}
            onRemove={isRequired ? undefined : () => remove(name)}
          />
        ))}
      {others.map((name) => (
        <Field
          key={name}
          schema={control.others ?? true}
          root={root}
          path={`${path}/${escape(name)}`}
          label={name}
          value={members[name]}
          onChange={(member) => set(name, member)}
          issues={issues}
          onRemove={() => remove(name)}
        />
      ))}
      <div className="actions">
        {absent.map(({ name, schema }) => (
          <AddButton key={name} name={name} schema={schema} root={root} onAdd={(member) => set(name, member)} />
        ))}
      </div>
      {control.others !== undefined && (
        <NewMember isTaken={(name) => name in members} onAdd={(name) => set(name, initialOf(control.others ?? true, root))} />
      )}
    </div>
  );
}

function NewMember({ isTaken, onAdd }: { readonly isTaken: (name: string) => boolean; readonly onAdd: (name: string) => void }) {
  const [name, setName] = useState("");
  const add = () => {
    onAdd(name);
    setName("");
  };
  return (
    <div className="actions">
      <input aria-label="Name of a new member" placeholder="Name of a new member" value={name} onChange={(event) => setName(event.target.value)} />
      <button type="button" className="button small" disabled={name === "" || isTaken(name)} onClick={add}>
        <Icon name="plus" size={12} />
        Add
      </button>
    </div>
  );
}

export function ListFields({ control, root, path, label, value, onChange, issues }: PartsProps<"array">) {
  const items: readonly unknown[] = Array.isArray(value) ? value : [];
  const schemaOf = (at: number) => control.prefix[at] ?? control.items;
  return (
    <div className="parts">
      {items.map((item, at) => (
        <Field
          key={at}
          schema={schemaOf(at)}
          root={root}
          path={`${path}/${at}`}
          label={`${label} ${at + 1}`}
          value={item}
          onChange={(changed) => onChange(items.with(at, changed))}
          issues={issues}
          onRemove={() => onChange(items.toSpliced(at, 1))}
        />
      ))}
      {schemaOf(items.length) !== false && (
        <div className="actions">
          <AddButton name="Add an item" schema={schemaOf(items.length)} root={root} onAdd={(item) => onChange([...items, item])} />
        </div>
      )}
    </div>
  );
}

export function UnionFields({ control, root, path, label, value, onChange, issues }: PartsProps<"union">) {
  const { alternatives } = control;
  const [chosen, setChosen] = useState<number>();
  const fitting = alternatives.findIndex(({ schema }) => hasShape(value, schema, root));
  const current = chosen ?? Math.max(0, fitting);
  const schema = alternatives[current]?.schema ?? true;
  const choose = (at: number) => {
    setChosen(at);
    onChange(initialOf(alternatives[at]?.schema ?? true, root));
  };
  return (
    <div className="parts">
      <select aria-label={`Kind of ${label === "" ? "payload" : label}`} value={current} onChange={(event) => choose(Number(event.target.value))}>
        {alternatives.map((alternative, at) => (
          <option key={at} value={at}>
            {alternative.label}
          </option>
        ))}
      </select>
      {value !== null && <Field schema={schema} root={root} path={path} label="Value" value={value} onChange={onChange} issues={issues} />}
    </div>
  );
}

function escape(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}
