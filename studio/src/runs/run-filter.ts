import { serverNow } from "../ui/time.js";

/** The filters of the list of runs, which are parameters of the page's URL. */
export const FILTER_NAMES = ["state", "activity", "job", "channel", "age"] as const;

export type RunFilter = Readonly<Record<string, string | undefined>>;

/** The ages to choose from: the value in the URL, the label, and the age in milliseconds. */
export const AGES = [
  ["15m", "Last 15 minutes", 15 * 60_000],
  ["1h", "Last hour", 3_600_000],
  ["1d", "Last day", 86_400_000],
  ["7d", "Last 7 days", 7 * 86_400_000],
] as const;

/** Returns the earliest time of an age, in steps of a minute so that the list is not loaded again each time. */
export function createdAfter(age: string | undefined): string | undefined {
  const found = AGES.find(([value]) => value === age);
  if (found === undefined) return undefined;
  return new Date(Math.floor((serverNow() - found[2]) / 60_000) * 60_000).toISOString();
}
