import { expect, test } from "vitest";
import type { JsonSchema } from "../src/api/types.js";
import { controlOf, hasShape, initialOf } from "../src/publish/form/schema.js";

const person: JsonSchema = {
  type: "object",
  required: ["kind", "name"],
  properties: { kind: { const: "person" }, name: { type: "string", minLength: 6 }, parent: { $ref: "#/$defs/Person" } },
};
const robot: JsonSchema = { type: "object", required: ["kind"], properties: { kind: { const: "robot" } } };
const root: JsonSchema = {
  oneOf: [{ $ref: "#/$defs/Person" }, { $ref: "#/$defs/Robot" }],
  $defs: { Person: person, Robot: robot },
};

test("a union is labelled by its tags, and a value selects its alternative", () => {
  expect(controlOf(root, root)).toMatchObject({ kind: "union", alternatives: [{ label: "person" }, { label: "robot" }] });
  expect(hasShape({ kind: "robot" }, robot, root)).toBe(true);
  expect(hasShape({ kind: "robot" }, person, root)).toBe(false);
});

test("an initial value has what is required, with lengths and minimums", () => {
  expect(initialOf(root, root)).toEqual({ kind: "person", name: "textttt".slice(0, 6) });
  expect(initialOf({ type: "array", minItems: 2, items: { type: "integer", minimum: 3 } }, true)).toEqual([3, 3]);
  expect(initialOf({ type: "string", format: "int64" }, true)).toBe("0");
});

test("an initial value of an endlessly recursive schema ends", () => {
  const endless: JsonSchema = { type: "object", required: ["next"], properties: { next: { $ref: "#" } } };
  expect(JSON.stringify(initialOf(endless, endless)).length).toBeLessThan(500);
});

test("a schema without a form is edited as JSON", () => {
  expect(controlOf(true, true)).toEqual({ kind: "json" });
  expect(controlOf({ $ref: "https://example.com/other" }, true)).toEqual({ kind: "json" });
});

test("nullable values are unions, and open enums are suggestions", () => {
  expect(controlOf({ type: ["string", "null"] }, true)).toMatchObject({ kind: "union", alternatives: [{ label: "string" }, { label: "null" }] });
  expect(controlOf({ anyOf: [{ enum: ["a"] }, { type: "string" }] }, true)).toEqual({ kind: "suggest", values: ["a"] });
});
