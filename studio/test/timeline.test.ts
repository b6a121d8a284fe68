import { expect, test } from "vitest";
import type { Call, RunInfo } from "../src/api/types.js";
import { shortenedScale, ticksOf } from "../src/runs/scale.js";
import { timelineOf } from "../src/runs/timeline.js";

const run: RunInfo = {
  run_id: "run_1",
  job: "job",
  channel: "pipeline:run_1",
  state: "completed",
  failures: 0,
  created_at: at(0),
  changed_at: at(1000),
};

function at(milliseconds: number): string {
  return new Date(Date.UTC(2026, 0, 1) + milliseconds).toISOString();
}

function step(call: string, began: number, ended: number): Call {
  return { call, kind: "step", id: call, state: "succeeded", attempts: 1, began_at: at(began), ended_at: at(ended) };
}

test("calls of branches follow their fork, which is added if it recorded no call", () => {
  const calls = [step("1", 500, 600), step("0.1/0.10/0", 20, 50), step("0.1/0.2/0", 20, 30), step("0.0/0", 10, 400)];
  const { spans } = timelineOf(run, calls, 0);
  expect(spans.map(({ position, depth, branch }) => [position, depth, branch])).toEqual([
    ["0", 0, undefined],
    ["0.0/0", 1, 0],
    ["0.1/0", 1, 1],
    ["0.1/0.2/0", 2, 2],
    ["0.1/0.10/0", 2, 10],
    ["1", 0, undefined],
  ]);
  expect(spans[0]).toMatchObject({ label: "2 branches", start: Date.parse(at(10)), end: Date.parse(at(400)) });
});

test("a sleep lasts until its end, or until the run was woken or cancelled", () => {
  const sleep: Call = { call: "0", kind: "sleep", id: "rest", state: "succeeded", ended_at: at(100), until: at(60_000) };
  const [span] = timelineOf({ ...run, state: "cancelled" }, [sleep], 0).spans;
  expect(span).toMatchObject({ start: Date.parse(at(100)), end: Date.parse(at(1000)) });
});

test("waiting takes up a third of a shortened timeline, and the order of times is kept", () => {
  const sleep: Call = { call: "1", kind: "sleep", id: "rest", state: "succeeded", ended_at: at(100), until: at(99_900) };
  const timeline = timelineOf({ ...run, changed_at: at(100_000) }, [step("0", 0, 100), sleep, step("2", 99_900, 100_000)], 0);
  const scale = shortenedScale(timeline);
  expect(scale.isShortened).toBe(true);
  const width = scale.at(Date.parse(at(99_900))) - scale.at(Date.parse(at(100)));
  expect(width).toBeCloseTo(1 / 3);
  expect(scale.at(timeline.end)).toBeCloseTo(1);
});

test("ticks are round", () => {
  expect(ticksOf({ spans: [], start: 0, end: 718 }, 5)).toEqual([0, 200, 400, 600]);
});
