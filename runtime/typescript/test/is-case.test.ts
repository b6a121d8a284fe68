import { expect, it } from "vitest";
import { isCase } from "../src/index.js";

type OpenEvent = { kind: "created"; id: string } | { kind: string & {}; [key: string]: unknown };

it("a case is selected only by an own property of an object", () => {
  const values: unknown[] = [
    { kind: "created", id: "1" },
    { kind: "of-tomorrow" },
    Object.create({ kind: "created" }),
    {},
    "created",
    null,
    undefined,
  ];
  expect(values.map((value) => isCase(value as OpenEvent, "kind", "created"))).toEqual([
    true,
    ...Array.from({ length: values.length - 1 }, () => false),
  ]);
});
