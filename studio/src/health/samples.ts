import type { Metrics } from "../api/types.js";

/** A metric to draw. */
export interface ChartDefinition {
  readonly title: string;
  readonly metric: string;
  /** `rate`: the increase per second. `value`: the value itself. */
  readonly kind: "rate" | "value";
  readonly unit: "count" | "bytes";
  readonly hint: string;
}

export const CHARTS: readonly ChartDefinition[] = [
  { title: "Messages per second", metric: "fanfare_messages_published_total", kind: "rate", unit: "count", hint: "published" },
  { title: "Deliveries per second", metric: "fanfare_messages_delivered_total", kind: "rate", unit: "count", hint: "to all subscribers" },
  { title: "Connections", metric: "fanfare_connections", kind: "value", unit: "count", hint: "open in this process" },
  { title: "History", metric: "fanfare_history_bytes", kind: "value", unit: "bytes", hint: "in memory" },
  { title: "Gaps per second", metric: "fanfare_gaps_total", kind: "rate", unit: "count", hint: "reported to subscribers" },
  { title: "Refused tokens per second", metric: "fanfare_auth_failures_total", kind: "rate", unit: "count", hint: "invalid or expired" },
  { title: "Outdated clients", metric: "fanfare_clients_outdated", kind: "value", unit: "count", hint: "with an earlier definition" },
];

/** Two minutes. */
export const MAX_SAMPLES = 60;

/** Adds a sample to those before, without those of an earlier process. */
export function addSample(samples: readonly Metrics[], sample: Metrics): readonly Metrics[] {
  return [...samples, sample].slice(-MAX_SAMPLES);
}

/** Returns the values of a chart, the oldest first. */
export function valuesOf(samples: readonly Metrics[], chart: ChartDefinition): readonly number[] {
  const totals = samples.map((sample) => ({ at: Date.parse(sample.at), total: totalOf(sample, chart.metric) }));
  if (chart.kind === "value") return totals.map(({ total }) => total);
  return totals.slice(1).map(({ at, total }, index) => {
    const before = totals[index]!;
    const seconds = (at - before.at) / 1000;
    // A counter that fell belongs to a process that was started again.
    return seconds <= 0 ? 0 : Math.max(0, total - before.total) / seconds;
  });
}

function totalOf({ items }: Metrics, metric: string): number {
  return items.filter(({ name }) => name === metric).reduce((sum, { value }) => sum + value, 0);
}
