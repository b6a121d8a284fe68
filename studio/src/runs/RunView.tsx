import { useMemo, useRef } from "react";
import { ApiError } from "../api/api.js";
import type { Call, ReceivedSignal, RunDetails } from "../api/types.js";
import { usePolled } from "../api/use-polled.js";
import { MessageFeed } from "../messages/MessageFeed.js";
import { hrefOf, setQuery, useRoute } from "../route.js";
import { useSession } from "../session/session.js";
import { Icon } from "../ui/Icon.js";
import { Json } from "../ui/Json.js";
import { useKeys } from "../ui/keys.js";
import { Empty, ErrorNotice, Note } from "../ui/Notice.js";
import { StateBadge } from "../ui/StateBadge.js";
import { Tabs } from "../ui/Tabs.js";
import { useNow } from "../ui/time.js";
import { CallDetails, ForkDetails } from "./CallDetails.js";
import { RunActions } from "./RunActions.js";
import { RunFacts } from "./RunFacts.js";
import { RunSignals } from "./RunSignals.js";
import { SignalForm } from "./SignalForm.js";
import { timelineOf } from "./timeline.js";
import { TimelineGrid } from "./TimelineGrid.js";

/** The most calls that are shown of a run. */
const MAX_CALLS = 5000;

interface Loaded {
  readonly run: RunDetails;
  readonly calls: readonly Call[];
  readonly signals: readonly ReceivedSignal[];
}

/** One run: its calls as a timeline, its input and result, the messages of its channel, and what can be done with it. */
export function RunView({ runId }: { readonly runId: string }) {
  const { api } = useSession();
  const selected = useRoute().query.get("call") ?? undefined;
  const latest = useRef<Loaded>(undefined);
  const loaded = usePolled<Loaded>(
    runId,
    async (signal) => {
      const id = { run_id: runId };
      const run = await api.get<RunDetails>("admin/run", id, signal);
      if (latest.current === undefined || !hasEnded(run) || run.changed_at !== latest.current.run.changed_at) {
        const [calls, signals] = await Promise.all([
          api.all<Call>("admin/calls", id, MAX_CALLS, signal),
          api.all<ReceivedSignal>("admin/signals", id, 1000, signal),
        ]);
        latest.current = { run, calls, signals };
      }
      return latest.current;
    },
    ({ run, calls }) => (calls.length > 500 ? 5000 : run.state === "running" || run.state === "halted" ? 1000 : 5000),
  );
  useKeys((key) => {
    if (key !== "Escape") return false;
    if (selected !== undefined) setQuery({ call: undefined });
    else history.back();
    return true;
  });

  if (loaded.value === undefined) {
    const isUnknown = loaded.error instanceof ApiError && loaded.error.code === "no_run";
    return (
      <section className="page">
        <BackLink />
        {isUnknown ? (
          <Empty title="There is no run with this id">
            <code>{runId}</code> does not exist, or it ended so long ago that it was deleted.
          </Empty>
        ) : (
          <ErrorNotice error={loaded.error} />
        )}
      </section>
    );
  }
  return <LoadedRun {...loaded.value} error={loaded.error} selected={selected} onChange={loaded.refresh} />;
}

/** An ended run records no calls. */
function hasEnded({ state }: RunDetails): boolean {
  return state !== "running" && state !== "halted";
}

interface LoadedRunProps extends Loaded {
  readonly error: Error | undefined;
  readonly selected: string | undefined;
  readonly onChange: () => void;
}

function LoadedRun({ run, calls, signals, error, selected, onChange }: LoadedRunProps) {
  const isRunning = run.state === "running";
  const ticking = useNow(isRunning ? 500 : 60_000);
  const now = isRunning ? ticking : Date.parse(run.changed_at);
  const timeline = useMemo(() => timelineOf(run, calls, now), [run, calls, now]);
  const span = timeline.spans.find(({ position }) => position === selected);
  return (
    <section className="page run">
      <header className="run-head">
        <BackLink />
        <div className="run-title">
          <h1 className="mono">{run.run_id}</h1>
          <StateBadge run={run} />
        </div>
        <RunActions run={run} calls={calls} onChange={onChange} />
      </header>
      <RunFacts run={run} now={now} />
      <ErrorNotice error={error} />
      {run.error !== undefined && (
        <div className="notice" data-kind={run.state === "failed" ? "error" : "warning"}>
          <Icon name="warning" />
          <pre>{run.error}</pre>
        </div>
      )}
      {isRunning && run.waiting_for !== undefined && run.waiting_for.length > 0 && (
        <SignalForm run={run} calls={calls} onSent={onChange} />
      )}
      <div className="run-body">
        <div className="run-main">
          {calls.length === 0 ? (
            <Empty title="No calls are recorded yet">A call appears here once the job has made it.</Empty>
          ) : (
            <TimelineGrid
              timeline={timeline}
              selected={selected}
              onSelect={(position) => setQuery({ call: position === selected ? undefined : position })}
            />
          )}
          {calls.length >= MAX_CALLS && <Note>Only the first {MAX_CALLS.toLocaleString("en-US")} calls are shown.</Note>}
          {span?.call !== undefined && <CallDetails run={run} call={span.call} onChange={onChange} />}
          {span !== undefined && span.call === undefined && <ForkDetails run={run} fork={span} />}
        </div>
        <Tabs
          label="Details of the run"
          tabs={[
            { name: "Input and result", content: <InputAndResult run={run} /> },
            { name: "Messages", content: <MessageFeed channel={run.channel} isCompact /> },
            { name: "Signals", count: signals.length, content: <RunSignals signals={signals} /> },
          ]}
        />
      </div>
    </section>
  );
}

function BackLink() {
  return (
    <a className="back" href={hrefOf(["runs"])}>
      <Icon name="back" size={14} />
      Runs
    </a>
  );
}

function InputAndResult({ run }: { readonly run: RunDetails }) {
  return (
    <>
      <h3>Input</h3>
      <Json value={run.input} label="Input" />
      <h3>Result</h3>
      {"result" in run ? (
        <Json value={run.result} label="Result" />
      ) : (
        <p className="quiet">{run.state === "running" ? "The run has not completed yet." : "The run has no result."}</p>
      )}
    </>
  );
}
