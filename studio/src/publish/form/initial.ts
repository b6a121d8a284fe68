import type { JsonSchema } from "../../api/types.js";
import { type Keywords, keywordsOf } from "./keywords.js";
import { type Alternative, controlOf } from "./schema.js";

const MAX_DEPTH = 12;
/** In a value that contains itself, alternatives without parts are chosen from this depth on. */
const FLAT_DEPTH = 3;
const MAX_ITEMS = 20;

/** Returns a value to begin with, as small as the schema allows. It can be invalid, which the server then reports. */
export function initialOf(schema: JsonSchema, root: JsonSchema, depth = 0): unknown {
  const control = controlOf(schema, root);
  const keywords = keywordsOf(schema, root);
  const { default: preset, examples } = keywords;
  if (preset !== undefined) return preset;
  if (Array.isArray(examples) && examples.length > 0) return examples[0];
  switch (control.kind) {
    case "object":
      return Object.fromEntries(
        control.properties
          .filter(({ isRequired }) => isRequired && depth < MAX_DEPTH)
          .map(({ name, schema: property }) => [name, initialOf(property, root, depth + 1)]),
      );
    case "array": {
      const count = depth < MAX_DEPTH ? Math.min(control.min, MAX_ITEMS) : 0;
      return Array.from({ length: count }, (_, at) => initialOf(control.prefix[at] ?? control.items, root, depth + 1));
    }
    case "union":
      return initialOf(firstAlternative(control.alternatives, root, depth).schema, root, depth + 1);
    case "choice":
    case "suggest":
      return control.values[0];
    case "integer":
    case "number":
      return initialNumber(keywords, control.kind === "integer");
    case "boolean":
      return false;
    case "string":
      return initialString(keywords);
    default:
      return null;
  }
}

function firstAlternative(alternatives: readonly Alternative[], root: JsonSchema, depth: number): Alternative {
  const flat = alternatives.find(({ schema }) => !["object", "array"].includes(controlOf(schema, root).kind));
  return (depth >= FLAT_DEPTH ? flat : undefined) ?? alternatives[0] ?? { label: "", schema: true };
}

function initialNumber(keywords: Keywords, isInteger: boolean): number {
  const limit = (name: string, absent: number) => (typeof keywords[name] === "number" ? keywords[name] : absent);
  const [min, max] = [limit("minimum", -Infinity), limit("maximum", Infinity)];
  const [above, below] = [limit("exclusiveMinimum", -Infinity), limit("exclusiveMaximum", Infinity)];
  const step = limit("multipleOf", 1);
  const [low, high] = [Math.max(min, above), Math.min(max, below)];
  const fits = (value: number) =>
    value >= min && value <= max && value > above && value < below &&
    (!isInteger || Number.isInteger(value)) &&
    (keywords["multipleOf"] === undefined || Math.abs(value / step - Math.round(value / step)) < 1e-9);
  const firstAbove = Math.ceil(low / step) * step;
  const lastBelow = Math.floor(high / step) * step;
  const candidates = [0, step, firstAbove, firstAbove + step, lastBelow, lastBelow - step, (low + high) / 2, low, low + 1, high];
  return candidates.find(fits) ?? 0;
}

const FORMATS: Readonly<Record<string, string>> = {
  "date-time": "2026-01-31T12:00:00Z",
  date: "2026-01-31",
  time: "12:00:00Z",
  duration: "PT1H",
  email: "name@example.com",
  uri: "https://example.com/",
  uuid: "123e4567-e89b-42d3-a456-426614174000",
  ipv4: "192.0.2.1",
  ipv6: "2001:db8::1",
  hostname: "host.example",
  int64: "0",
  uint64: "0",
};

function initialString({ format, minLength, maxLength }: Keywords): string {
  const text = FORMATS[String(format)] ?? "text".padEnd(Number(minLength ?? 0), "t");
  return text.slice(0, Number(maxLength ?? text.length));
}
