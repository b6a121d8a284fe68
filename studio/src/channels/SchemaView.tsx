import type { JsonSchema } from "../api/types.js";
import { describeLimits } from "../publish/form/limits.js";
import { keywordsOf } from "../publish/form/keywords.js";
import { type Control, controlOf } from "../publish/form/schema.js";
import { Json } from "../ui/Json.js";

/** A schema as an indented list of its members, with the JSON below it. */
export function SchemaView({ schema, name }: { readonly schema: JsonSchema; readonly name: string }) {
  return (
    <details className="schema">
      <summary>Schema</summary>
      <Node schema={schema} root={schema} above={[]} />
      <details>
        <summary>As JSON Schema</summary>
        <Json value={schema} label={`JSON Schema of ${name}`} />
      </details>
    </details>
  );
}

interface NodeProps {
  readonly schema: JsonSchema;
  readonly root: JsonSchema;
  /** The references that were followed on the way here. */
  readonly above: readonly string[];
}

function Node({ schema, root, above }: NodeProps) {
  const control = controlOf(schema, root);
  const keywords = keywordsOf(schema, root);
  const reference = Object(schema)["$ref"] as string | undefined;
  const isRecursive = reference !== undefined && above.includes(reference);
  const parts = isRecursive ? [] : partsOf(control);
  const limits = describeLimits(keywords);
  return (
    <>
      <span className="schema-type">{typeOf(control)}</span>
      {limits !== "" && <span className="limits">{limits}</span>}
      {typeof keywords["description"] === "string" && <span className="quiet"> {keywords["description"]}</span>}
      {isRecursive && <span className="quiet"> as above</span>}
      {parts.length > 0 && (
        <ul className="schema-parts">
          {parts.map((part) => (
            <li key={part.label}>
              <code>{part.label}</code>
              {part.isOptional && <span className="quiet">?</span>} <Node schema={part.schema} root={root} above={reference === undefined ? above : [...above, reference]} />
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

interface Part {
  readonly label: string;
  readonly schema: JsonSchema;
  readonly isOptional: boolean;
}

function partsOf(control: Control): readonly Part[] {
  switch (control.kind) {
    case "object":
      return [
        ...control.properties.map(({ name, schema, isRequired }) => ({ label: name, schema, isOptional: !isRequired })),
        ...control.patterns.map(([pattern, schema]) => ({ label: `names that match ${pattern}`, schema, isOptional: true })),
        ...(control.others === undefined || control.others === true
          ? []
          : [{ label: "other members", schema: control.others, isOptional: true }]),
      ];
    case "array":
      return [
        ...control.prefix.map((schema, at) => ({ label: `item ${at + 1}`, schema, isOptional: false })),
        ...(control.items === true || control.items === false ? [] : [{ label: "items", schema: control.items, isOptional: true }]),
      ];
    case "union":
      return control.alternatives.map(({ label, schema }) => ({ label, schema, isOptional: false }));
    default:
      return [];
  }
}

function typeOf(control: Control): string {
  switch (control.kind) {
    case "choice":
      return control.values.map((value) => JSON.stringify(value)).join(" | ");
    case "suggest":
      return `${control.values.map((value) => JSON.stringify(value)).join(" | ")} | any string`;
    case "union":
      return "one of";
    case "json":
      return "any value";
    default:
      return control.kind;
  }
}
