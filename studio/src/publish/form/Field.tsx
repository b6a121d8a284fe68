import { useId } from "react";
import type { Issue, JsonSchema } from "../../api/types.js";
import { Icon } from "../../ui/Icon.js";
import { ListFields, ObjectFields, UnionFields } from "./Containers.js";
import { initialOf } from "./initial.js";
import { keywordsOf } from "./keywords.js";
import { describeLimits } from "./limits.js";
import { Scalar } from "./Scalar.js";
import { controlOf } from "./schema.js";

export interface FieldProps {
  readonly schema: JsonSchema;
  /** The whole schema, which references refer to. */
  readonly root: JsonSchema;
  /** A JSON Pointer into the payload. */
  readonly path: string;
  readonly label: string;
  readonly value: unknown;
  readonly onChange: (value: unknown) => void;
  readonly issues: readonly Issue[];
  /** Removes the value, if it may be absent. */
  readonly onRemove?: (() => void) | undefined;
}

/** Edits a value of a schema: a control with its name, description, limits and issues. */
export function Field(props: FieldProps) {
  const { schema, root, path, label, issues, onRemove } = props;
  const keywords = keywordsOf(schema, root);
  const { kind } = controlOf(schema, root);
  const id = useId();
  const own = issues.filter((issue) => issue.path === path);
  const isContainer = kind === "object" || kind === "array" || kind === "union";
  const title = (
    <>
      {label}
      <Limits schema={schema} root={root} />
    </>
  );
  return (
    <div className="field" data-invalid={own.length > 0} role={isContainer ? "group" : undefined} aria-labelledby={isContainer ? id : undefined}>
      <div className="field-head">
        {isContainer ? (
          <span className="field-title" id={id}>
            {title}
          </span>
        ) : (
          <label className="field-title" htmlFor={id}>
            {title}
          </label>
        )}
        {onRemove !== undefined && (
          <button type="button" className="icon-button small" aria-label={`Remove ${label}`} onClick={onRemove}>
            <Icon name="close" size={12} />
          </button>
        )}
      </div>
      {typeof keywords["description"] === "string" && <p className="quiet">{keywords["description"]}</p>}
      <FieldControl {...props} id={isContainer ? undefined : id} isInvalid={own.length > 0} />
      {own.map((issue) => (
        <p key={issue.rule + issue.message} className="failure">
          {issue.message}
        </p>
      ))}
    </div>
  );
}

interface FieldControlProps extends FieldProps {
  /** The id of an input whose label refers to it. Without one, the input gets the label itself. */
  readonly id: string | undefined;
  readonly isInvalid: boolean;
}

/** The control of a field, without its name. */
export function FieldControl({ id, isInvalid, ...props }: FieldControlProps) {
  const control = controlOf(props.schema, props.root);
  switch (control.kind) {
    case "object":
      return <ObjectFields {...props} control={control} />;
    case "array":
      return <ListFields {...props} control={control} />;
    case "union":
      return <UnionFields {...props} isInvalid={isInvalid} control={control} />;
    default:
      return <Scalar id={id} label={props.label} control={control} value={props.value} onChange={props.onChange} isInvalid={isInvalid} />;
  }
}

export function Limits({ schema, root }: { readonly schema: JsonSchema; readonly root: JsonSchema }) {
  const limits = describeLimits(keywordsOf(schema, root));
  return limits === "" ? null : <span className="limits">{limits}</span>;
}

/** A button for a value that may be absent. */
export function AddButton({ name, schema, root, onAdd }: {
  readonly name: string;
  readonly schema: JsonSchema;
  readonly root: JsonSchema;
  readonly onAdd: (value: unknown) => void;
}) {
  return (
    <button type="button" className="button small" onClick={() => onAdd(initialOf(schema, root))}>
      <Icon name="plus" size={12} />
      {name}
    </button>
  );
}
