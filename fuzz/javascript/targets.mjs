// The fuzz targets of the TypeScript client. Each throws if a guarantee does not hold for an input.
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import * as zodSchemas from "generated/fuzz.zod.js";
import * as plainSchemas from "generated/fuzz.validators.js";
import * as zod from "fanfare/zod";
import { payload as plainPayload } from "fanfare/validators";
import { ResumeState } from "../../runtime/typescript/src/subscription/resume-state.ts";
import { payloadIssue } from "../../runtime/typescript/src/validate/standard-schema.ts";
import { eventParser } from "../../runtime/typescript/src/connection/transport/event-parser.ts";
import { advance, parseFrames } from "../../runtime/typescript/src/wire.ts";

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

/** Returns schemas by topic. Each is wrapped as a payload, which also checks the wire profile. */
function payloads(wrap, exported) {
  return new Map(Object.entries(SCHEMAS).map(([topic, name]) => [topic, wrap(exported[`${name}Schema`])]));
}

const ZOD = payloads(zod.payload, zodSchemas);
const PLAIN = payloads(plainPayload, plainSchemas);


export const targets = { "js-cursors": cursors, "js-events": events, "js-frames": frames, "js-payloads": validation };

/** Frames: each is read, skipped or malformed, and each that is read can be written and read again. */
function frames(input) {
  for (const frame of parseFrames(input.toString())) {
    strictEqual(typeof frame.kind, "string");
    if (frame.kind === "malformed") {
      strictEqual(typeof frame.reason, "string");
      continue;
    }
    deepStrictEqual(parseFrames(JSON.stringify(frame)), [JSON.parse(JSON.stringify(frame))]);
    checkReader(frame);
  }
}

/** Checks that a reader takes no message twice, and starts with the position that the server sent. */
function checkReader(frame) {
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

/** Cursors: reads a line with a cursor, and lines with the ids of the messages after it. */
function cursors(input) {
  const [first, ...ids] = input.toString().split("\n");
  let cursor = first === "" ? undefined : first;
  for (const id of ids) {
    const before = cursor?.length ?? 0;
    cursor = advance(cursor, id);
    ok(cursor === id || cursor.endsWith(`~${id}`), `${cursor} after ${id}`);
    ok(cursor.length <= before + id.length + 1, "longer than a position and an id");
  }
}

/** Event streams: the events do not depend on how the text was split into chunks. */
function events(input) {
  const text = input.toString();
  const whole = read([text, ""]);
  deepStrictEqual(read([...text, ""]), whole, "in chunks of a character");
  const half = text.length >> 1;
  deepStrictEqual(read([text.slice(0, half), text.slice(half), ""]), whole, "in halves");
  deepStrictEqual(whole, expected(text));
}

function read(chunks) {
  const data = [];
  const reader = eventParser((text) => data.push(text));
  for (const chunk of chunks) reader(chunk);
  return data;
}

/** Reads the data of events from the whole text, as the standard defines it. Leaves out an event without an end. */
function expected(text) {
  const found = [];
  let data = [];
  // A carriage return at the end may be the first half of a line break, so a reader waits for more.
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

/** Payloads: reads a line with a topic, and JSON. zod and the validators of channels agree on every value. */
function validation(input) {
  const parsed = payload(input);
  if (parsed === undefined) return;
  const [name, value] = parsed;
  const kept = JSON.stringify(value);
  const full = zodVerdict(name, value);
  deepStrictEqual(plainVerdict(name, value), full, "the validators of channels and zod differ");
  strictEqual(JSON.stringify(value), kept, "a validator changed the value");
  if (full.value !== undefined) {
    const again = zodVerdict(name, JSON.parse(full.value));
    strictEqual(again.value, full.value, "an accepted value changes or is refused the second time");
  }
}

/** Returns the topic and the value of an input, or `undefined` if it has none. */
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

/** Returns the accepted value, or the issues, from zod. */
export function zodVerdict(name, value) {
  const schema = ZOD.get(name);
  const result = schema.safeParse(value);
  const standard = schema["~standard"].validate(value);
  strictEqual(standard.issues === undefined, result.success, "safeParse and ~standard differ");
  return result.success ? { value: JSON.stringify(result.data, plain) } : { issues: zod.issues(result.error) };
}

/** Returns the verdict of a channel's validator. */
function plainVerdict(name, value) {
  const result = PLAIN.get(name)["~standard"].validate(value);
  return result.issues ? { issues: result.issues.map(payloadIssue) } : { value: JSON.stringify(result.value, plain) };
}

function plain(_key, value) {
  return typeof value === "bigint" ? value.toString() : value;
}
