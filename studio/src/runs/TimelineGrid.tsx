import { useState } from "react";
import type { Call } from "../api/types.js";
import { type Column, Grid } from "../ui/Grid.js";
import { Icon, type IconName } from "../ui/Icon.js";
import { labelOf } from "../ui/StateBadge.js";
import { formatDuration } from "../ui/time.js";
import { linearScale, type Scale, shortenedScale, ticksOf } from "./scale.js";
import type { Span, Timeline } from "./timeline.js";

const KINDS: Readonly<Record<Call["kind"] | "fork", { readonly label: string; readonly icon: IconName }>> = {
  step: { label: "Step", icon: "bolt" },
  publish: { label: "Publish", icon: "publish" },
  sleep: { label: "Sleep", icon: "moon" },
  wait: { label: "Wait", icon: "hand" },
  version: { label: "Version", icon: "check" },
  stream: { label: "Text stream", icon: "messages" },
  join: { label: "Join", icon: "runs" },
  race: { label: "Race", icon: "runs" },
  timeout: { label: "Timeout", icon: "clock" },
  map: { label: "Map", icon: "runs" },
  fork: { label: "Branches", icon: "runs" },
};

interface TimelineGridProps {
  readonly timeline: Timeline;
  readonly selected: string | undefined;
  readonly onSelect: (position: string) => void;
}

/** A run's calls as a waterfall. */
export function TimelineGrid({ timeline, selected, onSelect }: TimelineGridProps) {
  const [isToScale, setIsToScale] = useState(false);
  const shortened = shortenedScale(timeline);
  const scale = isToScale ? linearScale(timeline) : shortened;
  const columns = columnsOf(timeline, scale);
  return (
    <div className="timeline">
      <div className="timeline-head">
        <h2>Timeline</h2>
        {shortened.isShortened && (
          <label className="check">
            <input type="checkbox" checked={!isToScale} onChange={(event) => setIsToScale(!event.target.checked)} />
            Shorten the time spent waiting
          </label>
        )}
      </div>
      <Grid
        label="Calls"
        items={timeline.spans}
        columns={columns}
        idOf={({ position }) => position}
        selectedId={selected}
        onSelect={({ position }) => onSelect(position)}
        rowHeight={30}
      />
    </div>
  );
}

function columnsOf(timeline: Timeline, scale: Scale): readonly Column<Span>[] {
  return [
    { name: "Call", width: "minmax(150px, 30%)", render: (span) => <SpanLabel span={span} /> },
    {
      name: "Time",
      width: "minmax(80px, 1fr)",
      head: <Axis timeline={timeline} scale={scale} />,
      render: (span) => <Bar span={span} scale={scale} />,
    },
    {
      name: "Duration",
      width: "84px",
      align: "end",
      render: (span) => <span className="number">{span.isPoint ? "" : formatDuration(span.end - span.start)}</span>,
    },
  ];
}

function SpanLabel({ span }: { readonly span: Span }) {
  const kind = KINDS[span.call?.kind ?? "fork"] ?? KINDS.step;
  const attempts = span.call?.attempts ?? 0;
  return (
    <span className="span-label" style={{ paddingInlineStart: span.depth * 16 }} title={`${kind.label} ${span.position}`}>
      <span className="span-kind" data-state={span.status}>
        <Icon name={kind.icon} size={14} />
        <span className="visually-hidden">{kind.label}</span>
      </span>
      {span.branch !== undefined && <span className="tag">{span.branch}</span>}
      <span className="ellipsis">{span.label}</span>
      {attempts > 1 && <span className="tag">{attempts} attempts</span>}
    </span>
  );
}

function Bar({ span, scale }: { readonly span: Span; readonly scale: Scale }) {
  const left = scale.at(span.start) * 100;
  const width = (scale.at(span.end) - scale.at(span.start)) * 100;
  const status = span.status === "succeeded" ? "Succeeded" : labelOf(span.status);
  return (
    <span className="bar-track">
      <span
        className="bar"
        data-state={span.status}
        data-kind={span.isPoint ? "point" : span.isIdle ? "idle" : span.call === undefined ? "fork" : "work"}
        style={
          span.isPoint ? { left: `clamp(0px, ${left}% - 4px, 100% - 8px)` } : { left: `${Math.min(left, 99.5)}%`, width: `${width}%` }
        }
      >
        <span className="visually-hidden">{status}</span>
      </span>
    </span>
  );
}

function Axis({ timeline, scale }: { readonly timeline: Timeline; readonly scale: Scale }) {
  if (scale.isShortened) {
    return <span className="quiet">Waiting is shortened</span>;
  }
  return (
    <span className="axis">
      {ticksOf(timeline, 5).map((tick) => (
        <span key={tick} style={{ left: `${scale.at(timeline.start + tick) * 100}%` }}>
          {tick === 0 ? "0" : formatDuration(tick).replace(/\.0+(?= )/, "")}
        </span>
      ))}
    </span>
  );
}
