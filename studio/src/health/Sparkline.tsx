import { MAX_SAMPLES } from "./samples.js";

const [WIDTH, HEIGHT] = [240, 48];

/** A line of the latest values. The text next to it has the current one. */
export function Sparkline({ values, max, title }: { readonly values: readonly number[]; readonly max: number; readonly title: string }) {
  const step = WIDTH / (MAX_SAMPLES - 1);
  const start = MAX_SAMPLES - values.length;
  const points = values.map((value, at) => `${((start + at) * step).toFixed(1)},${(HEIGHT - 2 - (value / max) * (HEIGHT - 6)).toFixed(1)}`);
  return (
    <svg className="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={title}>
      <line x1="0" x2={WIDTH} y1={HEIGHT - 1} y2={HEIGHT - 1} className="sparkline-base" />
      {points.length > 1 && <polyline points={points.join(" ")} className="sparkline-line" />}
    </svg>
  );
}
