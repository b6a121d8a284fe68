import { useState } from "react";
import type { RunInfo } from "../api/types.js";
import { usePages } from "../api/use-pages.js";
import { hrefOf, navigate, useRoute } from "../route.js";
import { useSession } from "../session/session.js";
import { type Column, Grid } from "../ui/Grid.js";
import { Empty, ErrorNotice } from "../ui/Notice.js";
import { StateBadge } from "../ui/StateBadge.js";
import { formatAge, formatDuration, formatTime, useNow } from "../ui/time.js";
import { durationOf } from "./duration.js";
import { RunFilters } from "./RunFilters.js";
import { createdAfter, FILTER_NAMES } from "./run-filter.js";

/** All runs, the newest first. */
export function RunsView() {
  const { api } = useSession();
  const { query } = useRoute();
  const filter = Object.fromEntries(FILTER_NAMES.map((name) => [name, query.get(name) ?? undefined]));
  const { age, ...parameters } = filter;
  const runs = usePages<RunInfo>(
    api,
    "admin/runs",
    { ...parameters, created_after: createdAfter(age) },
    ({ run_id }) => run_id,
    2000,
  );
  const now = useNow();
  const [selected, setSelected] = useState<string>();
  const isFiltered = FILTER_NAMES.some((name) => filter[name] !== undefined);

  return (
    <section className="page fill">
      <header className="page-head">
        <h1>Runs</h1>
        <RunFilters filter={filter} />
      </header>
      <ErrorNotice error={runs.error} />
      {runs.items.length === 0 && !runs.isLoading && runs.error === undefined ? (
        isFiltered ? (
          <Empty title="No run matches these filters">
            <a href={hrefOf(["runs"])}>Remove the filters</a>
          </Empty>
        ) : (
          <Empty title="There are no runs yet">
            A run appears here as soon as this server starts a job. Ended runs are kept for 7 days by default.
          </Empty>
        )
      ) : (
        <Grid
          label="Runs"
          items={runs.items}
          columns={columnsAt(now)}
          idOf={({ run_id }) => run_id}
          selectedId={selected}
          onSelect={({ run_id }) => setSelected(run_id)}
          onOpen={({ run_id }) => navigate(["runs", run_id])}
          onEnd={runs.loadMore}
          onVisible={runs.onVisible}
          footer={runs.hasMore ? "Loading more…" : undefined}
        />
      )}
    </section>
  );
}

function columnsAt(now: number): readonly Column<RunInfo>[] {
  return [
    { name: "State", width: "118px", narrowWidth: "92px", render: (run) => <StateBadge run={run} /> },
    {
      name: "Run",
      width: "minmax(120px, 1.4fr)",
      narrowWidth: "minmax(0, 1.5fr)",
      render: ({ run_id }) => (
        <a className="mono" href={hrefOf(["runs", run_id])} title={run_id} tabIndex={-1}>
          {run_id}
        </a>
      ),
    },
    { name: "Job", width: "minmax(70px, 0.8fr)", narrowWidth: "minmax(0, 1fr)", render: ({ job }) => job },
    { name: "Channel", width: "minmax(120px, 1.4fr)", wideOnly: true, render: ({ channel }) => <span className="mono quiet">{channel}</span> },
    { name: "Notes", width: "minmax(120px, 1.6fr)", wideOnly: true, render: (run) => <RunNote run={run} now={now} /> },
    {
      name: "Duration",
      width: "92px",
      align: "end",
      wideOnly: true,
      render: (run) => <span className="number">{run.created_at === undefined ? "" : formatDuration(durationOf(run, now))}</span>,
    },
    {
      name: "Age",
      width: "52px",
      narrowWidth: "32px",
      align: "end",
      render: ({ created_at }) =>
        created_at === undefined ? "" : (
          <span className="number" title={formatTime(created_at, now)}>
            {formatAge(now - Date.parse(created_at))}
          </span>
        ),
    },
  ];
}

function RunNote({ run, now }: { readonly run: RunInfo; readonly now: number }) {
  if (run.waiting_for !== undefined && run.waiting_for.length > 0) {
    return <span>for {run.waiting_for.join(" or ")}</span>;
  }
  if (run.error !== undefined) {
    return (
      <span className="failure" title={run.error}>
        {run.error}
      </span>
    );
  }
  if (run.due_at !== undefined && (run.activity === "sleeping" || run.activity === "retrying")) {
    return <span className="quiet">continues in {formatDuration(Date.parse(run.due_at) - now)}</span>;
  }
  return run.rerun_of === undefined ? null : <span className="quiet">rerun of {run.rerun_of.run_id}</span>;
}
