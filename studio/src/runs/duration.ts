import type { RunInfo } from "../api/types.js";

/** The time from a run's creation to its end, or until now. */
export function durationOf(run: RunInfo, now: number): number {
  const end = run.state === "running" ? now : Date.parse(run.changed_at);
  return end - Date.parse(run.created_at ?? run.changed_at);
}
