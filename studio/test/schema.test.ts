import { expect, test } from "vitest";
import type { JsonSchema } from "../src/api/types.js";
import { initialOf } from "../src/publish/form/initial.js";
import { controlOf } from "../src/publish/form/schema.js";
import { fittingAlternative, hasShape } from "../src/publish/form/shape.js";

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

test("a schema with allOf has the members and limits of all parts", () => {
  const merged: JsonSchema = { allOf: [{ $ref: "#/$defs/Robot" }, { required: ["id"], properties: { id: { type: "integer" } } }], $defs: { Robot: robot } };
  expect(controlOf(merged, merged)).toMatchObject({
    kind: "object",
    properties: [{ name: "kind", isRequired: true }, { name: "id", isRequired: true }],
  });
  expect(initialOf(merged, merged)).toEqual({ kind: "robot", id: 0 });
});

test("an initial number is the simplest one in its range", () => {
  const safe = { minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER };
  expect(initialOf({ type: "integer", ...safe }, true)).toBe(0);
  expect(initialOf({ type: "number", exclusiveMinimum: 0, exclusiveMaximum: 1 }, true)).toBe(0.5);
  expect(initialOf({ type: "integer", minimum: 7, multipleOf: 5 }, true)).toBe(10);
  expect(initialOf({ type: "integer", maximum: -3 }, true)).toBe(-3);
  expect(initialOf({ type: "string", maxLength: 2 }, true)).toBe("te");
});

test("unions in unions are one choice, and constants with null are one list", () => {
  const nested: JsonSchema = { anyOf: [{ anyOf: [{ type: "boolean" }, { type: "array" }] }, { type: "null" }] };
  expect(controlOf(nested, nested)).toMatchObject({ alternatives: [{ label: "boolean" }, { label: "array" }, { label: "null" }] });
  const constants: JsonSchema = { anyOf: [{ const: { a: 1 } }, { enum: [1, "auto"] }, { type: "null" }] };
  expect(controlOf(constants, constants)).toEqual({ kind: "choice", values: [{ a: 1 }, 1, "auto", null] });
});

test("a value selects the alternative that it fits best", () => {
  const alternatives = ["a", "b"].map((name) => ({ label: name, schema: { type: "object", properties: { [name]: { type: "string" } } } }));
  expect(fittingAlternative({ b: "text" }, alternatives, true)).toBe(1);
  const lists = ["string", "integer"].map((type) => ({ label: type, schema: { type: "array", items: { type } } }));
  expect(fittingAlternative([1, 2], lists, true)).toBe(1);
});
