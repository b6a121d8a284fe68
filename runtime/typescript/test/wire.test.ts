import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { advance, connectUrl, parseFrames, routeUrl } from "../src/wire.js";

interface Vector {
  readonly from: "server" | "client";
  readonly frame: unknown;
  readonly meaning: "bad_frame" | Record<string, unknown> | Record<string, unknown>[];
}

const folder = new URL("../../../tests/vectors/frames/", import.meta.url);
const vectors = readdirSync(folder)
  .filter((name) => name.endsWith(".json"))
  .map((name) => ({
    name,
    vector: JSON.parse(readFileSync(new URL(name, folder), "utf8")) as Vector,
  }));

describe("frames", () => {
  it.each(vectors.filter(({ vector }) => vector.from === "server"))(
    "from the server mean what $name says",
    ({ vector: { frame, meaning } }) => {
      const frames = parseFrames(typeof frame === "string" ? frame : JSON.stringify(frame));
      if (meaning === "bad_frame") {
        expect(frames.some(({ kind }) => kind === "malformed")).toBe(true);
        return;
      }
      assert(Array.isArray(meaning));
      assert.equal(frames.length, meaning.length);
      for (const [index, expected] of meaning.entries()) {
        const found = frames[index] as unknown as Record<string, unknown>;
        const known = Object.keys(expected).map((field) => [field, found[field]]);
        assert.deepStrictEqual(Object.fromEntries(known), expected);
      }
    },
  );

  it("of one subscription have its ref", () => {
    const run = '{"kind":"run","channel":"a","id":"1","created_at":"","data":1}';
    expect(parseFrames(`["7",${run},${run}]`)).toEqual([
      { ref: "7", ...JSON.parse(run) },
      { ref: "7", ...JSON.parse(run) },
    ]);
    expect(parseFrames('["7"]')).toEqual([]);
  });

  it("of a batch are parsed even if others are malformed", () => {
    const kinds = parseFrames('[{"kind":"closing"},{"kind":"data"},7,{"kind":"closing"}]');
    expect(kinds.map(({ kind }) => kind)).toEqual(["closing", "malformed", "malformed", "closing"]);
  });
});

describe("a cursor", () => {
  it("keeps its position while retained messages are being sent", () => {
    const retained = advance("000000001-00000000a~", "000000001-000000003");
    expect(retained).toBe("000000001-00000000a~000000001-000000003");
    expect(advance(retained, "000000001-00000000b")).toBe("000000001-00000000b");
    expect(advance("000000001-00000000a", "000000001-00000000b")).toBe("000000001-00000000b");
    expect(advance("start", "000000001-000000001")).toBe("000000001-000000001");
  });
});

it("the delay before reconnecting is optional, and a number", () => {
  expect(parseFrames('{"kind":"closing","reconnect_in":1200}')).toEqual([{ kind: "closing", reconnect_in: 1200 }]);
  expect(parseFrames('{"kind":"closing","reconnect_in":"soon"}')).toMatchObject([{ kind: "malformed" }]);
});

it("addresses include the path of the base URL", () => {
  const server = new URL("https://example.com/api/?x=1");
  expect(connectUrl(server).href).toBe("wss://example.com/api/v1/realtime/connect");
  expect(routeUrl(new URL("ws://localhost:1"), "sse").href).toBe("http://localhost:1/v1/realtime/sse");
});
