import type { Timeline } from "./timeline.js";

/** Maps a time to a fraction of the timeline's width. */
export interface Scale {
  readonly at: (time: number) => number;
  /** Whether times in which the run only waits are shortened. */
  readonly isShortened: boolean;
}

export function linearScale({ start, end }: Timeline): Scale {
  const length = Math.max(1, end - start);
  return { at: (time) => (time - start) / length, isShortened: false };
}

/** A scale on which all the times in which the run only waits take up a third of the width. */
export function shortenedScale(timeline: Timeline): Scale {
  const busy = busyPartsOf(timeline);
  const busyTime = busy.reduce((sum, [start, end]) => sum + end - start, 0);
  const idleTime = timeline.end - timeline.start - busyTime;
  if (busyTime <= 0 || idleTime <= busyTime) {
    return linearScale(timeline);
  }
  const idleWeight = (0.5 * busyTime) / idleTime;
  const total = busyTime + idleTime * idleWeight;
  const at = (time: number) => {
    const before = busy.reduce((sum, [start, end]) => sum + Math.max(0, Math.min(time, end) - start), 0);
    return (before + (time - timeline.start - before) * idleWeight) / total;
  };
  return { at, isShortened: true };
}

/** The times in which calls work, in order, without overlaps. */
function busyPartsOf({ spans }: Timeline): readonly (readonly [number, number])[] {
  const parts: [number, number][] = [];
  const busy = spans.filter(({ isIdle, call }) => !isIdle && call !== undefined).sort((a, b) => a.start - b.start);
  for (const { start, end } of busy) {
    const last = parts.at(-1);
    if (last !== undefined && start <= last[1]) {
      last[1] = Math.max(last[1], end);
    } else {
      parts.push([start, end]);
    }
  }
  return parts;
}

/** Returns round durations to mark on a linear timeline, at most `count`. */
export function ticksOf({ start, end }: Timeline, count: number): readonly number[] {
  const rough = Math.max(1, end - start) / count;
  const step = STEPS.find((candidate) => candidate >= rough) ?? Math.ceil(rough / 86_400_000) * 86_400_000;
  const ticks = [];
  // A label near the end would be cut.
  for (let tick = 0; tick <= (end - start) * 0.88; tick += step) {
    ticks.push(tick);
  }
  return ticks;
}

const STEPS = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((seconds) => seconds * 1000),
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * 60_000),
  ...[1, 2, 4, 6, 12, 24].map((hours) => hours * 3_600_000),
];
