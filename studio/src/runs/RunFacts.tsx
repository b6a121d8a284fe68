import type { RunDetails } from "../api/types.js";
import { hrefOf } from "../route.js";
import { Fact } from "../ui/Fact.js";
import { formatDuration, formatTime } from "../ui/time.js";
import { durationOf } from "./duration.js";

export function RunFacts({ run, now }: { readonly run: RunDetails; readonly now: number }) {
  return (
    <dl className="facts">
      <Fact name="Job">
        <a href={hrefOf(["runs"], { job: run.job })}>{run.job}</a>
      </Fact>
      <Fact name="Channel">
        <a className="mono" href={hrefOf(["messages", run.channel])}>
          {run.channel}
        </a>
      </Fact>
      {run.created_at !== undefined && <Fact name="Started">{formatTime(run.created_at)}</Fact>}
      {run.created_at !== undefined && <Fact name="Duration">{formatDuration(durationOf(run, now))}</Fact>}
      {run.waiting_for !== undefined && run.waiting_for.length > 0 && <Fact name="Waits for">{run.waiting_for.join(" or ")}</Fact>}
      {run.due_at !== undefined && run.state === "running" && (
        <Fact name={run.activity === "waiting" ? "Waits until" : "Continues"}>{formatTime(run.due_at)}</Fact>
      )}
      {run.failures > 0 && <Fact name="Failures in a row">{run.failures}</Fact>}
      {run.rerun_of !== undefined && (
        <Fact name="Rerun of">
          <a className="mono" href={hrefOf(["runs", run.rerun_of.run_id])}>
            {run.rerun_of.run_id}
          </a>{" "}
          from call {run.rerun_of.call}
        </Fact>
      )}
    </dl>
  );
}
