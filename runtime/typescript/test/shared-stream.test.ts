import { afterEach, beforeEach, expect, it } from "vitest";
import { SharedStream } from "../src/connection/transport/shared-stream.js";
import type { StreamAnswer } from "../src/connection/transport/shared-stream.js";
import type { SubFrame } from "../src/wire.js";
import { TestServer, tokenFor, until } from "./server.js";
import { setTiming } from "./support.js";

const token = tokenFor("pipeline:run_42", ["tokens"]);
let server: TestServer;
let stream: SharedStream;
let answers: { readonly member: string; readonly answer: StreamAnswer }[];

beforeEach(async () => {
  server = await TestServer.start();
  answers = [];
  stream = new SharedStream(new URL(server.url), {
    answer: (member, answer) => void answers.push({ member, answer }),
    answerAll: (answer) => void answers.push({ member: "all", answer }),
  });
});
afterEach(async () => {
  stream.close();
  await server.stop();
});

function sub(ref: string, data = token): SubFrame {
  return { kind: "sub", ref, data, channel: server.channel };
}

/** The payloads that a member received for one of its subscriptions. */
function payloads(member: string, ref: string): unknown[] {
  return answers
    .filter((entry) => entry.member === member)
    .flatMap(({ answer }) => (answer.kind === "frames" ? answer.frames : []))
    .flatMap((frame) => (frame.kind === "data" && frame.ref === ref ? [frame.data] : []));
}

it("each page receives the frames of its own subscriptions, under its own refs", async () => {
  stream.handle("a", [sub("1")]);
  stream.handle("b", [sub("1"), sub("2")]);
  await until(() => server.subscriptions === 3);
  server.publish("tokens", "x");
  await until(() => payloads("b", "2").length === 1);
  expect([payloads("a", "1"), payloads("b", "1"), payloads("a", "2")]).toEqual([["x"], ["x"], []]);
  expect(server.streams).toBe(1);
  stream.remove("b");
  await until(() => server.subscriptions === 1);
});

it("a page's definition hash reaches the server, and the drift the page", async () => {
  server.drift = { kind: "breaking", changes: [{ message: "it has changed" }] };
  stream.handle("a", [{ ...sub("1"), fingerprint: "17ab" }]);
  stream.handle("b", [sub("1")]);
  const drifts = () =>
    answers.flatMap(({ member, answer }) =>
      answer.kind === "frames" ? answer.frames.flatMap((frame) => (frame.kind === "ready" ? [[member, frame.drift]] : [])) : [],
    );
  await until(() => drifts().length === 2);
  expect(drifts()).toEqual([["a", server.drift], ["b", undefined]]);
});

it("a reopened stream resumes each subscription at its cursor", async () => {
  stream.handle("a", [sub("1")]);
  await until(() => server.subscriptions === 1);
  server.publish("tokens", "x", "y");
  await until(() => payloads("a", "1").length === 2);
  // A new token, from a page that has not read so far yet.
  stream.handle("a", [{ ...sub("1"), since: { [server.channel]: "start" } }]);
  stream.handle("b", [sub("1")]);
  server.publish("tokens", "z");
  await until(() => server.streams === 2 && server.subscriptions === 2 && payloads("a", "1").length === 3);
  expect(payloads("a", "1")).toEqual(["x", "y", "z"]);
});

it("a page whose subscriptions exceed the limits is notified, and the others keep theirs", async () => {
  const long = `a.${"b".repeat(23_000)}.c`;
  stream.handle("a", Array.from({ length: 5 }, (_, index) => sub(String(index), long)));
  stream.handle("b", Array.from({ length: 5 }, (_, index) => sub(String(index), long)));
  stream.handle("c", [sub("1"), sub("2", long), sub("3", long)]);
  expect(answers).toEqual([{ member: "c", answer: { kind: "full" } }]);
  await until(() => server.subscriptions === 10);
  stream.handle("d", Array.from({ length: 991 }, (_, index) => sub(String(index), "a.b.c")));
  expect(answers.at(-1)).toEqual({ member: "d", answer: { kind: "full" } });
  stream.remove("a");
  stream.handle("c", [sub("1"), sub("2", long)]);
  await until(() => server.subscriptions === 7);
});

it("a probe is answered at once if the stream was just active, and otherwise by another stream", async () => {
  setTiming({ minRestartAge: 60_000 });
  stream.handle("a", [sub("1")]);
  await until(() => answers.length > 0);
  answers = [];
  stream.handle("b", [{ kind: "alive" }]);
  expect(answers).toEqual([{ member: "b", answer: { kind: "frames", frames: [] } }]);
  setTiming({ minRestartAge: 0 });
  stream.handle("b", [{ kind: "alive" }]);
  await until(() => server.streams === 2);
});

it("the end of the stream and frames without a ref reach every page", async () => {
  stream.handle("a", [sub("1")]);
  await until(() => server.subscriptions === 1);
  server.send({ kind: "alive", next_in: 15_000 });
  server.close(1001);
  await until(() => answers.at(-1)?.answer.kind === "closed");
  expect(answers.slice(-2).map(({ member }) => member)).toEqual(["all", "all"]);
});
