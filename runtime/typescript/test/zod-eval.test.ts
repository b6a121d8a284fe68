import { expect, test, vi } from "vitest";
import * as f from "../src/validate/zod/index.js";

test("eval is never used or probed for", () => {
  const compile = vi.fn();
  vi.stubGlobal("Function", compile);
  const Status = f.object({ message: f.string(), more: f.optional(f.strictObject({ a: f.int() })) });
  const schema = f.payload(f.checked(Status.extend({ x: f.boolean() }), { type: "object", minProperties: 1 }));
  expect(schema.parse({ message: "a", more: { a: 1 }, x: true })).toEqual({ message: "a", more: { a: 1 }, x: true });
  expect(schema.safeParse({ message: 1 }).success).toBe(false);
  vi.unstubAllGlobals();
  expect(compile).not.toHaveBeenCalled();
});
