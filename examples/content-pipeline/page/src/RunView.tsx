import { useRealtime } from "fanfare/react";
import { pipeline } from "../../../../generated/typescript/pipeline.js";
import { Approval } from "./Approval.js";
import { Findings } from "./Findings.js";
import { Problem } from "./Problem.js";
import { Progress } from "./Progress.js";
import { fetchToken } from "./server.js";
import { Statistics } from "./Statistics.js";
import { Summary } from "./Summary.js";
import { Published } from "./tour/Published.js";

const TOPICS = ["status", "insights", "draft", "summary"] as const;

/** One run, live or completed. */
export function RunView({ runId }: { readonly runId: string }) {
  const channel = pipeline({ runId });
  const { connectionStatus, runStatus, runError, result, messages, error, send } = useRealtime({
    channel,
    topics: TOPICS,
    token: () => fetchToken(runId),
    historyLimit: null,
    // Shows all statuses so far, not only the latest.
    since: "start",
  });
  const statuses = messages.all.filter((message) => message.topic === "status");
  const insights = messages.all.flatMap((message) => (message.topic === "insights" ? [message.data] : []));
  const { status, draft, summary } = messages.byTopic;
  const hasEnded = runStatus !== "unknown" && runStatus !== "running";
  const isAsked = runStatus === "running" && status?.data.step === "write" && draft?.status === "complete";

  return (
    <article className="run" aria-label={`Run ${runId}`} data-run={runStatus}>
      <div className="run-head">
        <code>{runId}</code>
        <span className="badges">
          <Badge state={runStatus} />
          {!hasEnded && <Badge state={connectionStatus} />}
        </span>
      </div>
      <Progress statuses={statuses} runError={runError} />
      <Findings insights={insights} />
      <Summary draft={draft} result={result} />
      <Problem error={error} />
      <Approval
        isAsked={isAsked}
        draft={draft?.data ?? ""}
        onVerdict={(verdict) => send(channel.approve, verdict)}
      />
      {summary !== undefined && (
        <>
          <Published
            startedAt={new Date(summary.data.statistics.startedAt)}
            publishedAt={summary.createdAt}
            messageCount={messages.all.length}
          />
          <Statistics statistics={summary.data.statistics} />
        </>
      )}
    </article>
  );
}

function Badge({ state }: { readonly state: string }) {
  return (
    <span className="badge" data-state={state}>
      {state}
    </span>
  );
}
