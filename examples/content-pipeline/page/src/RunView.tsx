import { useRealtime } from "fanfare/react";
import { pipeline } from "../../../../generated/typescript/pipeline.js";
import type { PipelineStatus } from "../../../../generated/typescript/pipeline.types.js";
import { Findings } from "./Findings.js";
import { fetchToken } from "./server.js";
import { Statistics } from "./Statistics.js";

const TOPICS = ["status", "insights", "tokens", "result"] as const;
const STEPS = ["split", "score", "choose", "write", "complete"] as const;

/** One run, as it happens or as it was. */
export function RunView({ runId }: { readonly runId: string }) {
  const { connectionStatus, messages, error } = useRealtime({
    channel: pipeline({ runId }),
    topics: TOPICS,
    token: () => fetchToken(runId),
    historyLimit: null,
  });
  const status = messages.byTopic.status?.data;
  const result = messages.byTopic.result?.data;
  const insights = messages.all.flatMap((message) => (message.topic === "insights" ? [message.data] : []));
  const summary = messages.all.map((message) => (message.topic === "tokens" ? message.data.text : "")).join("");

  return (
    <article className="run" aria-label={`Run ${runId}`}>
      <div className="run-head">
        <code>{runId}</code>
        <span className="badge" data-connection={connectionStatus}>
          {connectionStatus}
        </span>
      </div>
      <Progress status={status} />
      {error !== null && (
        <p className="problem" role="alert">
          {error.message}
        </p>
      )}
      <Findings insights={insights} />
      {summary !== "" && (
        <section className="summary" aria-label="Summary">
          {result !== undefined && result.title !== null && <h2>{result.title}</h2>}
          <p data-writing={result === undefined}>{summary}</p>
        </section>
      )}
      {result !== undefined && <Statistics statistics={result.statistics} />}
    </article>
  );
}

function Progress({ status }: { readonly status: PipelineStatus | undefined }) {
  const current = status === undefined ? -1 : STEPS.indexOf(status.step);
  const progress = status?.progress ?? 0;
  return (
    <section className="progress" aria-label="Progress">
      <p className="status-line" role="status">
        <span>{status?.message ?? "Waiting for the run"}</span>
        <span className="percent">{progress} %</span>
      </p>
      <progress max={100} value={progress} />
      <ol>
        {STEPS.map((step, index) => (
          <li key={step} data-state={stateOf(index, current)}>
            {step}
          </li>
        ))}
      </ol>
    </section>
  );
}

/** The last step is past as soon as it is there. */
function stateOf(step: number, current: number): "past" | "present" | "future" {
  if (step < current || current === STEPS.length - 1) {
    return "past";
  }
  return step === current ? "present" : "future";
}
