// What must hold for every input of the client.
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import * as zodSchemas from "generated/fuzz.zod.ts";
import * as miniSchemas from "generated/fuzz.zod-mini.ts";
import * as zod from "fanfare/zod";
import * as mini from "fanfare/zod-mini";
import { ResumeState } from "../../runtime/typescript/src/subscription/resume-state.ts";
import { eventParser } from "../../runtime/typescript/src/connection/transport/event-parser.ts";
import { advance, encodeFrame, parseFrames } from "../../runtime/typescript/src/wire.ts";

/** The schemas of payloads, by their topic, which is the first line of an input. */
const SCHEMAS = {
  nested: "Nested",
  closed: "Closed",
  exact: "Exact",
  ladder: "Rung1",
  order: "Order",
  rules: "Ruled",
  texts: "Texts",
  numbers: "Numbers",
};

/** A library, and the schemas made with it. As payloads, to which the wire profile applies as a whole. */
function voice(library, exported) {
  const schemas = Object.entries(SCHEMAS).map(([topic, name]) => [topic, library.payload(exported[`${name}Schema`])]);
  return { library, schemas: new Map(schemas) };
}

const ZOD = voice(zod, zodSchemas);
const MINI = voice(mini, miniSchemas);

export const targets = { "js-cursors": cursors, "js-events": events, "js-frames": frames, "js-payloads": payloads };

/** A frame is read, or left out, or called malformed; and what is read has the fields of its kind. */
function frames(input) {
  for (const frame of parseFrames(input.toString())) {
    strictEqual(typeof frame.kind, "string");
    if (frame.kind === "malformed") {
      strictEqual(typeof frame.reason, "string");
      continue;
    }
    // What was read is read again from what is written of it.
    deepStrictEqual(parseFrames(encodeFrame(frame)), [JSON.parse(JSON.stringify(frame))]);
    follow(frame);
  }
}

/** A reader takes no message twice, and its cursor is one that it was given. */
function follow(frame) {
  const resumeState = new ResumeState(undefined);
  if (frame.kind === "ready") {
    resumeState.start(frame);
    strictEqual(resumeState.cursor, frame.position);
  }
  if (frame.kind === "gap") {
    ok(resumeState.acceptGap(frame));
    ok(!resumeState.acceptGap(frame));
  }
  if (["data", "run", "chunk", "datastream-start", "datastream-end"].includes(frame.kind)) {
    ok(resumeState.acceptFrame(frame));
    ok(!resumeState.acceptFrame(frame));
  }
}

/** Lines: a cursor, and the ids of messages that follow. */
function cursors(input) {
  const [first, ...ids] = input.toString().split("\n");
  let cursor = first === "" ? undefined : first;
  for (const id of ids) {
    const before = cursor?.length ?? 0;
    cursor = advance(cursor, id);
    ok(cursor === id || cursor.endsWith(`~${id}`), `${cursor} after ${id}`);
    ok(cursor.length <= before + id.length + 1, "more than a position and an id");
  }
}

/** The data of events does not depend on how the text was cut into pieces. */
function events(input) {
  const text = input.toString();
  const whole = read([text, ""]);
  deepStrictEqual(read([...text, ""]), whole, "in pieces of a character");
  const half = text.length >> 1;
  deepStrictEqual(read([text.slice(0, half), text.slice(half), ""]), whole, "in halves");
  deepStrictEqual(whole, expected(text));
}

function read(pieces) {
  const data = [];
  const reader = eventParser((text) => data.push(text));
  for (const piece of pieces) reader(piece);
  return data;
}

/** The data of events as the standard has it, read from the whole text. An event that has no end is not there. */
function expected(text) {
  const found = [];
  let data = [];
  // A carriage return at the end may be half of a line's end, which a reader waits for.
  const lines = text.split(/\r\n|\n|\r(?!$)/);
  for (const line of lines.slice(0, -1)) {
    if (line === "") {
      if (data.length > 0) found.push(data.join("\n"));
      data = [];
    } else if (line.startsWith("data:")) {
      const value = line.slice("data:".length);
      data.push(value.startsWith(" ") ? value.slice(1) : value);
    }
  }
  return found;
}

/** A line that names a topic, and JSON: zod and zod/mini agree on every value. */
function payloads(input) {
  const parsed = payload(input);
  if (parsed === undefined) return;
  const [name, value] = parsed;
  const kept = JSON.stringify(value);
  const full = verdict(ZOD, name, value);
  deepStrictEqual(verdict(MINI, name, value), full, "zod/mini and zod differ");
  strictEqual(JSON.stringify(value), kept, "a validator changed the value");
  if (full.value !== undefined) {
    const again = verdict(ZOD, name, JSON.parse(full.value));
    strictEqual(again.value, full.value, "what was accepted is refused, or another value");
  }
}

/** The topic and the value of an input, if it has them. */
export function payload(input) {
  const text = input.toString();
  const end = text.indexOf("\n");
  const name = text.slice(0, end);
  if (!Object.hasOwn(SCHEMAS, name)) return undefined;
  try {
    return [name, JSON.parse(text.slice(end + 1))];
  } catch {
    return undefined;
  }
}

/** What a library says to a value. */
function verdict({ schemas, library }, name, value) {
  const schema = schemas.get(name);
  const result = schema.safeParse(value);
  const standard = schema["~standard"].validate(value);
  strictEqual(standard.issues === undefined, result.success, "safeParse and ~standard differ");
  return result.success ? { value: JSON.stringify(result.data, plain) } : { issues: library.issues(result.error) };
}

/** The verdict that is compared with that of Rust. */
export const ours = (name, value) => verdict(ZOD, name, value);

function plain(_key, value) {
  return typeof value === "bigint" ? value.toString() : value;
}
