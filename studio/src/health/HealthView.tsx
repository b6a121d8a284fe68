import { useEffect, useState } from "react";
import type { ConnectionInfo, Metrics } from "../api/types.js";
import { usePages } from "../api/use-pages.js";
import { usePolled } from "../api/use-polled.js";
import { hrefOf } from "../route.js";
import { useSession } from "../session/session.js";
import { type Column, Grid } from "../ui/Grid.js";
import { Empty, ErrorNotice } from "../ui/Notice.js";
import { formatBytes, formatCount, formatDuration, formatTime, useNow } from "../ui/time.js";
import { addSample, CHARTS, type ChartDefinition, valuesOf } from "./samples.js";
import { Sparkline } from "./Sparkline.js";

const SAMPLE_MS = 2000;

/** The server's rates and its open connections. */
export function HealthView() {
  const { api, server } = useSession();
  const metrics = usePolled("metrics", (signal) => api.get<Metrics>("admin/metrics", {}, signal), SAMPLE_MS);
  const [samples, setSamples] = useState<readonly Metrics[]>([]);
  useEffect(() => {
    const sample = metrics.value;
    if (sample !== undefined) setSamples((old) => addSample(old, sample));
  }, [metrics.value]);
  const now = useNow(5000);
  return (
    <section className="page">
      <header className="page-head">
        <h1>Health</h1>
        <span className="quiet">
          Version {server.version} · up for {formatDuration(now - Date.parse(server.started_at))} · the last two minutes, sampled while this view is open
        </span>
      </header>
      <ErrorNotice error={metrics.error} />
      <div className="charts">
        {CHARTS.map((chart) => (
          <Chart key={chart.metric} chart={chart} samples={samples} />
        ))}
      </div>
      <h2>Connections</h2>
      <Connections />
    </section>
  );
}

function Chart({ chart, samples }: { readonly chart: ChartDefinition; readonly samples: readonly Metrics[] }) {
  const values = valuesOf(samples, chart);
  const format = chart.unit === "bytes" ? formatBytes : formatCount;
  const highest = Math.max(0, ...values);
  const last = values.at(-1);
  return (
    <div className="chart">
      <div className="chart-title">{chart.title}</div>
      <div className="chart-value number">{last === undefined ? "–" : format(last)}</div>
      <Sparkline values={values} max={Math.max(chart.unit === "bytes" ? 1024 : 1, highest)} title={`${chart.title}, ${chart.hint}`} />
      <div className="quiet chart-foot">
        <span>{chart.hint}</span>
        <span className="number">max {format(highest)}</span>
      </div>
    </div>
  );
}

function Connections() {
  const { api } = useSession();
  const connections = usePages<ConnectionInfo>(api, "admin/connections", {}, ({ number }) => String(number), 2000);
  const [selected, setSelected] = useState<string>();
  const now = useNow();
  const hasAddress = connections.items.some(({ address }) => address !== undefined);
  const open = connections.items.find(({ number }) => String(number) === selected);
  if (connections.items.length === 0 && !connections.isLoading && connections.error === undefined) {
    return <Empty title="No connection is open" />;
  }
  return (
    <>
      <ErrorNotice error={connections.error} />
      <div className="connections" style={{ height: Math.min(360, 30 + 32 * connections.items.length) }}>
        <Grid
          label="Connections"
          items={connections.items}
          columns={columnsAt(now, hasAddress)}
          idOf={({ number }) => String(number)}
          selectedId={selected}
          onSelect={({ number }) => setSelected(String(number))}
          onEnd={connections.loadMore}
          onVisible={connections.onVisible}
        />
      </div>
      {open !== undefined && <Subscriptions connection={open} />}
    </>
  );
}

/** A server that does not know the addresses of clients has no column for them. */
function columnsAt(now: number, hasAddress: boolean): readonly Column<ConnectionInfo>[] {
  const address: Column<ConnectionInfo> = {
    name: "Address",
    width: "minmax(90px, 1fr)",
    wideOnly: true,
    render: ({ address }) => <span className="mono">{address}</span>,
  };
  return [
    { name: "No.", width: "56px", align: "end", render: ({ number }) => <span className="number">{number}</span> },
    { name: "Transport", width: "110px", render: ({ transport }) => (transport === "websocket" ? "WebSocket" : "Event stream") },
    ...(hasAddress ? [address] : []),
    { name: "Channels", width: "minmax(100px, 2fr)", render: ({ subscriptions }) => <span className="mono">{subscriptions.map(({ channel }) => channel).join(", ")}</span> },
    {
      name: "Lag",
      width: "64px",
      align: "end",
      render: ({ subscriptions }) => <span className="number">{formatCount(Math.max(0, ...subscriptions.map(({ lag }) => lag)))}</span>,
    },
    { name: "Open for", width: "90px", align: "end", wideOnly: true, render: ({ since }) => <span className="number">{formatDuration(now - Date.parse(since))}</span> },
  ];
}

function Subscriptions({ connection }: { readonly connection: ConnectionInfo }) {
  return (
    <section className="card" aria-label={`Connection ${connection.number}`}>
      <h3>Connection {connection.number}</h3>
      {connection.subscriptions.length === 0 && <p className="quiet">It has no subscription.</p>}
      {connection.subscriptions.map((subscription) => (
        <div key={`${subscription.ref ?? ""} ${subscription.channel}`} className="part">
          <div className="part-head">
            <a className="mono" href={hrefOf(["messages", subscription.channel])}>
              {subscription.channel}
            </a>
            <span className="quiet">{formatCount(subscription.lag)} messages behind</span>
          </div>
          <ul>
            {subscription.topics.map((topic) => (
              <li key={topic.name}>
                <strong>{topic.name}</strong> until {formatTime(topic.expires_at)}
                {topic.subject !== undefined && <> for {topic.subject}</>}
                {topic.token_id !== "" && (
                  <>
                    , token <code>{topic.token_id}</code>
                  </>
                )}
              </li>
            ))}
          </ul>
        </div>
      ))}
    </section>
  );
}
