import { useRef, useState } from "react";
import type { JsonSchema } from "../../api/types.js";
import { Icon } from "../../ui/Icon.js";
import { AddButton, Field, FieldControl, type FieldProps, Limits } from "./Field.js";
import { initialOf } from "./initial.js";
import { type Control, schemaOfMember } from "./schema.js";
import { fittingAlternative, isEqual, isRecord } from "./shape.js";

type PartsProps<Kind extends Control["kind"]> = FieldProps & { readonly control: Extract<Control, { kind: Kind }> };

/** The members of an object: the required ones, the optional ones that are set, and any others that may be added. */
export function ObjectFields({ control, root, path, value, onChange, issues }: PartsProps<"object">) {
  const members = isRecord(value) ? value : {};
  const known = new Set(control.properties.map(({ name }) => name));
  const set = control.properties.filter(({ name }) => Object.hasOwn(members, name));
  const absent = control.properties.filter(({ name }) => !Object.hasOwn(members, name));
  const others = Object.keys(members)
    .filter((name) => !known.has(name))
    .map((name) => ({ name, schema: schemaOfMember(control, name) ?? true, isRequired: false }));
  const change = (name: string, member: unknown) => onChange({ ...members, [name]: member });
  const remove = (name: string) => onChange(Object.fromEntries(Object.entries(members).filter(([other]) => other !== name)));
  const isOpen = control.others !== undefined || control.patterns.length > 0;
  return (
    <div className="parts">
      {[...set, ...others].map(({ name, schema, isRequired }) => (
        <Field
          key={name}
          schema={schema}
          root={root}
          path={`${path}/${escape(name)}`}
          label={shownName(name)}
          value={members[name]}
          onChange={(member) => change(name, member)}
          issues={issues}
          onRemove={isRequired ? undefined : () => remove(name)}
        />
      ))}
      {absent.length > 0 && (
        <div className="actions">
          {absent.map(({ name, schema }) => (
            <AddButton key={name} name={shownName(name)} schema={schema} root={root} onAdd={(member) => change(name, member)} />
          ))}
        </div>
      )}
      {isOpen && (
        <NewMember
          schemaOf={(name) => (Object.hasOwn(members, name) || known.has(name) ? undefined : schemaOfMember(control, name))}
          hint={control.others === undefined ? `Name that matches ${control.patterns.map(([pattern]) => pattern).join(" or ")}` : "Name of a new member"}
          onAdd={(name, schema) => change(name, initialOf(schema, root))}
        />
      )}
    </div>
  );
}

interface NewMemberProps {
  /** Returns the schema of a new member, or undefined if the object cannot have it. */
  readonly schemaOf: (name: string) => JsonSchema | undefined;
  readonly hint: string;
  readonly onAdd: (name: string, schema: JsonSchema) => void;
}

function NewMember({ schemaOf, hint, onAdd }: NewMemberProps) {
  const [name, setName] = useState("");
  const schema = name === "" ? undefined : schemaOf(name);
  const add = () => {
    if (schema === undefined) return;
    onAdd(name, schema);
    setName("");
  };
  return (
    <div className="actions">
      <input
        aria-label="Name of a new member"
        placeholder={hint}
        title={hint}
        value={name}
        onChange={(event) => setName(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter") return;
          event.preventDefault();
          add();
        }}
      />
      <button type="button" className="button small" disabled={schema === undefined} onClick={add}>
        <Icon name="plus" size={12} />
        Add
      </button>
    </div>
  );
}

export function ListFields({ control, root, path, label, value, onChange, issues }: PartsProps<"array">) {
  const items: readonly unknown[] = Array.isArray(value) ? value : [];
  const schemaOf = (at: number) => control.prefix[at] ?? control.items;
  const canRemove = (at: number) => items.length > control.min && at >= Math.min(control.prefix.length, items.length - 1);
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
          onRemove={canRemove(at) ? () => onChange(items.toSpliced(at, 1)) : undefined}
        />
      ))}
      {items.length < control.max && (
        <div className="actions">
          <AddButton name="Add an item" schema={schemaOf(items.length)} root={root} onAdd={(item) => onChange([...items, item])} />
        </div>
      )}
    </div>
  );
}

/** A choice between alternatives, and the control of the chosen one. */
export function UnionFields({ control, isInvalid, ...props }: PartsProps<"union"> & { readonly isInvalid: boolean }) {
  const { root, label, value, onChange } = props;
  const { alternatives } = control;
  // While the user types, a value can have the shape of another alternative, or of none.
  const edited = useRef<{ readonly at: number; readonly value: unknown }>(undefined);
  const isOwn = edited.current !== undefined && isEqual(edited.current.value, value);
  const current = isOwn ? (edited.current?.at ?? 0) : fittingAlternative(value, alternatives, root);
  const schema = alternatives[current]?.schema ?? true;
  const change = (at: number, changed: unknown) => {
    edited.current = { at, value: changed };
    onChange(changed);
  };
  const choose = (at: number) => change(at, initialOf(alternatives[at]?.schema ?? true, root));
  return (
    <>
      <div className="field-choice">
        <select aria-label={`Kind of ${label}`} value={current} onChange={(event) => choose(Number(event.target.value))}>
          {alternatives.map((alternative, at) => (
            <option key={at} value={at}>
              {alternative.label}
            </option>
          ))}
        </select>
        <Limits schema={schema} root={root} />
      </div>
      {value !== null && (
        <FieldControl {...props} key={current} id={undefined} schema={schema} isInvalid={isInvalid} onChange={(changed) => change(current, changed)} />
      )}
    </>
  );
}

/** The empty name is valid, too. */
function shownName(name: string): string {
  return name === "" ? '""' : name;
}

function escape(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}
