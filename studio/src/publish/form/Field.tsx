import { useId } from "react";
import type { Issue, JsonSchema } from "../../api/types.js";
import { Icon } from "../../ui/Icon.js";
import { ListFields, ObjectFields, UnionFields } from "./Containers.js";
import { describeLimits } from "./limits.js";
import { Scalar } from "./Scalar.js";
import { controlOf, initialOf, keywordsOf } from "./schema.js";

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
  const { schema, root, path, label, value, onChange, issues, onRemove } = props;
  const keywords = keywordsOf(schema, root);
  const control = controlOf(schema, root);
  const id = useId();
  const own = issues.filter((issue) => issue.path === path);
  const isContainer = control.kind === "object" || control.kind === "array" || control.kind === "union";
  const limits = describeLimits(keywords);
  const title = (
    <>
      {label === "" ? "Payload" : label}
      {limits !== "" && <span className="limits">{limits}</span>}
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
      {control.kind === "object" ? (
        <ObjectFields {...props} control={control} />
      ) : control.kind === "array" ? (
        <ListFields {...props} control={control} />
      ) : control.kind === "union" ? (
        <UnionFields {...props} control={control} />
      ) : (
        <Scalar id={id} control={control} value={value} onChange={onChange} isInvalid={own.length > 0} />
      )}
      {own.map((issue) => (
        <p key={issue.rule} className="failure">
          {issue.message}
        </p>
      ))}
    </div>
  );
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
