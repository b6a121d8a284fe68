import type { MessageView, RunError } from "fanfare";
import type { pipeline } from "../../../../generated/typescript/pipeline.js";

const STEPS = ["split", "score", "choose", "write", "complete"] as const;

interface ProgressProps {
  readonly statuses: readonly MessageView<ReturnType<typeof pipeline>, "status">[];
  readonly runError: RunError | null;
}

/** The progress of the run, with its previous statuses. */
export function Progress({ statuses, runError }: ProgressProps) {
  const latest = statuses.at(-1)?.data;
  const current = latest === undefined ? -1 : STEPS.indexOf(latest.step);
  const progress = latest?.progress ?? 0;
  return (
    <section className="progress" aria-label="Progress">
      <p className="status-line" role="status">
        <span>{runError?.message ?? latest?.message ?? "Waiting for the run"}</span>
        <span className="percent">{progress}%</span>
      </p>
      <progress max={100} value={progress} />
      <ol className="steps" aria-label="Steps">
        {STEPS.map((step, index) => (
          <li key={step} data-state={stateOf(index, current)}>
            {step}
          </li>
        ))}
      </ol>
      <ol className="news" aria-label="What happened">
        {statuses.map(({ id, createdAt, data }) => (
          <li key={id}>
            <time>{createdAt.toLocaleTimeString()}</time>
            {data.message}
          </li>
        ))}
      </ol>
    </section>
  );
}

/** The last step is done as soon as it is reached. */
function stateOf(step: number, current: number): "past" | "present" | "future" {
  if (step < current || current === STEPS.length - 1) {
    return "past";
  }
  return step === current ? "present" : "future";
}
