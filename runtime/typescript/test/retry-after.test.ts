import { expect, it, vi } from "vitest";
import { Backoff } from "../src/connection/backoff.js";
import { retryAfter } from "../src/http/retry-after.js";

it("a server names seconds or a date, and anything else is ignored", () => {
  const read = (text: string | undefined) => retryAfter(new Headers(text === undefined ? {} : { "retry-after": text }));
  expect(read("0")).toBe(0);
  expect(read(" 12 ")).toBe(12_000);
  expect(read("99999999")).toBe(600_000);
  const now = vi.spyOn(Date, "now").mockReturnValue(Date.parse("2026-11-22T03:31:00.000Z"));
  expect(read("Sun, 22 Nov 2026 03:31:10 GMT")).toBe(10_000);
  now.mockRestore();
  expect(read("Wed, 21 Oct 2015 07:28:00 GMT")).toBe(0);
  for (const text of [undefined, "", "soon", "1.5s"]) {
    expect(read(text)).toBeUndefined();
  }
});

it("a delay is never shorter than requested, and has jitter", () => {
  const waits = Array.from({ length: 20 }, () => new Backoff().next({ min: 100, max: 1000 }, 5000));
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(5000);
  expect(Math.max(...waits)).toBeLessThanOrEqual(5100);
  expect(new Set(waits).size).toBeGreaterThan(1);
});
