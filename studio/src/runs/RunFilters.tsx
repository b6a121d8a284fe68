import { useEffect, useState } from "react";
import { setQuery } from "../route.js";
import { useSession } from "../session/session.js";
import { Choice } from "../ui/Choice.js";
import { labelOf } from "../ui/StateBadge.js";
import { AGES, type RunFilter } from "./run-filter.js";

const STATES = ["running", "halted", "completed", "failed", "cancelled"];
const ACTIVITIES = ["executing", "due", "waiting", "retrying", "sleeping"];

/** Filters by state, job, channel and age. They are in the URL, so a link shows the same runs. */
export function RunFilters({ filter }: { readonly filter: RunFilter }) {
  const { server } = useSession();
  const jobs = filter["job"] === undefined || server.jobs.includes(filter["job"]) ? server.jobs : [filter["job"], ...server.jobs];
  return (
    <div className="filters">
      <Choice
        label="State"
        value={filter["activity"] === undefined ? filter["state"] : `running/${filter["activity"]}`}
        all="All states"
        options={[
          ...STATES.map((state) => [state, labelOf(state)] as const),
          ...ACTIVITIES.map((activity) => [`running/${activity}`, `Running: ${labelOf(activity).toLowerCase()}`] as const),
        ]}
        onChange={(value) => {
          const [state, activity] = (value ?? "").split("/");
          setQuery({ state: activity === undefined ? state : undefined, activity });
        }}
      />
      <Choice
        label="Job"
        value={filter["job"]}
        all="All jobs"
        options={jobs.map((job) => [job, job])}
        onChange={(job) => setQuery({ job })}
      />
      <Choice
        label="Age"
        value={filter["age"]}
        all="Any age"
        options={AGES.map(([value, label]) => [value, label])}
        onChange={(age) => setQuery({ age })}
      />
      <ChannelFilter value={filter["channel"] ?? ""} />
    </div>
  );
}

function ChannelFilter({ value }: { readonly value: string }) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  useEffect(() => {
    if (text === value) return;
    const timer = setTimeout(() => setQuery({ channel: text.trim() }), 300);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <input
      type="search"
      aria-label="Channel"
      placeholder="Name of a channel"
      value={text}
      onChange={(event) => setText(event.target.value)}
    />
  );
}
