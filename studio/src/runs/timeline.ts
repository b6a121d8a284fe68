import type { Call, RunInfo } from "../api/types.js";

/** A row of a run's timeline: a call, or a fork of branches that recorded no call of its own. */
export interface Span {
  /** The position of the call or fork. */
  readonly position: string;
  readonly call: Call | undefined;
  readonly label: string;
  /** How many forks it is in. */
  readonly depth: number;
  /** The number of its branch, if it is in one. */
  readonly branch: number | undefined;
  readonly status: "succeeded" | "failed" | "executing" | "retrying" | "sleeping" | "waiting";
  readonly start: number;
  readonly end: number;
  /** Whether it takes no time, as a publish. */
  readonly isPoint: boolean;
  /** Whether the run only waits meanwhile. */
  readonly isIdle: boolean;
}

export interface Timeline {
  readonly spans: readonly Span[];
  readonly start: number;
  readonly end: number;
}

/** Arranges the calls of a run by position, each fork before the calls of its branches. */
export function timelineOf(run: RunInfo, calls: readonly Call[], now: number): Timeline {
  const runEnd = run.state === "running" ? now : Date.parse(run.changed_at);
  const spans = calls.map((call) => spanOf(call, runEnd));
  const known = new Set(calls.map(({ call }) => call));
  const forks = new Map<string, Span[]>();
  for (const span of spans) {
    for (const fork of forksOf(span.position)) {
      if (!known.has(fork)) forks.set(fork, [...(forks.get(fork) ?? []), span]);
    }
  }
  const all = [...spans, ...[...forks].map(([position, inside]) => forkOf(position, inside))];
  all.sort((a, b) => compare(numbersOf(a.position), numbersOf(b.position)));
  const times = all.flatMap(({ start, end }) => [start, end]);
  return {
    spans: all,
    start: Math.min(Date.parse(run.created_at ?? run.changed_at), ...times),
    end: Math.max(runEnd, ...times),
  };
}

function spanOf(call: Call, runEnd: number): Span {
  const { question } = call;
  const ended = call.ended_at === undefined ? undefined : Date.parse(call.ended_at);
  let start = Date.parse(call.began_at ?? question?.asked_at ?? call.ended_at ?? "");
  let end = ended ?? runEnd;
  let status: Span["status"] = call.state === "begun" ? "executing" : call.state;
  if (call.kind === "sleep" && call.until !== undefined) {
    // A sleep is recorded when it begins.
    start = ended ?? start;
    end = Math.min(Date.parse(call.until), runEnd);
    status = Date.parse(call.until) > runEnd ? "sleeping" : "succeeded";
  } else if (question !== undefined && question.answer === undefined && question.closes_at !== undefined) {
    end = runEnd;
    status = "waiting";
  } else if (call.retry_at !== undefined && call.state === "begun") {
    status = "retrying";
  }
  const isPoint = call.kind === "publish" || call.kind === "version";
  if (Number.isNaN(start) || isPoint) start = end;
  return {
    position: call.call,
    call,
    label: call.kind === "wait" ? (question?.signals.join(" or ") ?? call.id) : call.id,
    depth: call.call.split("/").length - 1,
    branch: branchOf(call.call),
    status,
    start,
    end: Math.max(start, end),
    isPoint,
    isIdle: call.kind === "sleep" || call.kind === "wait" || status === "retrying",
  };
}

function forkOf(position: string, inside: readonly Span[]): Span {
  const isOpen = inside.some(({ call }) => call?.state === "begun");
  const branches = new Set(inside.map((span) => span.position.slice(position.length).split("/")[0])).size;
  return {
    position,
    call: undefined,
    label: `${branches} ${branches === 1 ? "branch" : "branches"}`,
    depth: position.split("/").length - 1,
    branch: branchOf(position),
    status: isOpen ? "executing" : "succeeded",
    start: Math.min(...inside.map(({ start }) => start)),
    end: Math.max(...inside.map(({ end }) => end)),
    isPoint: false,
    isIdle: inside.every(({ isIdle }) => isIdle),
  };
}

/** Returns the positions of the forks that a position is in: `3.1/0.2/5` is in `3` and `3.1/0`. */
function forksOf(position: string): readonly string[] {
  const parts = position.split("/");
  return parts.slice(1).map((_, at) => parts.slice(0, at + 1).join("/").replace(/\.\d+$/, ""));
}

function branchOf(position: string): number | undefined {
  const branch = /\.(\d+)\/[^/]*$/.exec(position)?.[1];
  return branch === undefined ? undefined : Number(branch);
}

function numbersOf(position: string): readonly number[] {
  return position.split(/[./]/).map(Number);
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((number, index) => number !== b[index]);
  if (at === -1) return a.length - b.length;
  return at >= b.length ? 1 : a[at]! - b[at]!;
}
