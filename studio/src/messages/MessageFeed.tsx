import { useDeferredValue, useEffect, useMemo, useState } from "react";
import { definitionOf } from "../channels/definition.js";
import { setQuery, useRoute } from "../route.js";
import { useSession } from "../session/session.js";
import { Choice } from "../ui/Choice.js";
import { type Column, Grid } from "../ui/Grid.js";
import { Icon } from "../ui/Icon.js";
import { useKeys } from "../ui/keys.js";
import { Empty, Note } from "../ui/Notice.js";
import { formatClock } from "../ui/time.js";
import { contains, type Entry, keyOf, previewOf, RUN_TOPIC, topicOf } from "./entry.js";
import { MAX_ENTRIES } from "./message-log.js";
import { Inspector } from "./Inspector.js";
import { type FeedView, useFeed } from "./use-feed.js";

interface MessageFeedProps {
  readonly channel: string;
  /** Whether it is a part of another view. */
  readonly isCompact?: boolean;
}

/** The messages of a channel, past and live, the newest first. */
export function MessageFeed({ channel, isCompact = false }: MessageFeedProps) {
  const feed = useFeed(channel);
  const { query } = useRoute();
  const [selected, setSelected] = useState<string | undefined>(isCompact ? undefined : (query.get("message") ?? undefined));
  const [localFilter, setLocalFilter] = useState<Filter>({});
  const filter = isCompact ? localFilter : { topic: query.get("topic") ?? undefined, text: query.get("text") ?? undefined };
  const setFilter = isCompact ? setLocalFilter : (change: Filter) => setQuery({ topic: change.topic, text: change.text });
  const entries = useFiltered(feed.entries, filter);
  const entry = feed.entries.find((candidate) => keyOf(candidate) === selected);

  const isFiltered = filter.topic !== undefined || filter.text !== undefined;
  const isSearching = isFiltered && entries.length < MIN_FOUND && feed.state.hasOlder && !feed.isCut;
  const oldest = feed.entries.at(-1)?.id;
  // A link can name a message that is on an older page.
  const isLinkOlder = selected !== undefined && entry === undefined && oldest !== undefined && selected < oldest;
  useEffect(() => {
    if (isSearching || isLinkOlder) feed.loadOlder();
  }, [isSearching, isLinkOlder, oldest, feed.state.hasOlder]);

  useKeys((key) => {
    if (key === "p") feed.setPaused(!feed.isPaused);
    else if (key === "Escape" && selected !== undefined) setSelected(undefined);
    else return false;
    return true;
  });

  return (
    <div className="feed" data-compact={isCompact} data-inspecting={entry !== undefined}>
      <FeedToolbar channel={channel} isCompact={isCompact} feed={feed} filter={filter} onFilter={setFilter} />
      <FeedNotes feed={feed} />
      <div className="feed-body">
        {entries.length === 0 && !feed.state.isLoading ? (
          <EmptyFeed feed={feed} isFiltered={isFiltered} isSearching={isSearching} />
        ) : (
          <Grid
            label={`Messages of ${channel}`}
            items={entries}
            columns={isCompact ? COMPACT_COLUMNS : COLUMNS}
            idOf={keyOf}
            selectedId={selected}
            onSelect={(item) => setSelected(keyOf(item))}
            onEnd={feed.loadOlder}
            footer={feed.state.hasOlder ? "Loading older messages…" : "This is the oldest message that the server has."}
            rowHeight={28}
          />
        )}
        {entry !== undefined && <Inspector channel={channel} entry={entry} onClose={() => setSelected(undefined)} />}
      </div>
    </div>
  );
}

/** A filter that finds fewer messages is applied to older ones, too. */
const MIN_FOUND = 50;

interface Filter {
  readonly topic?: string | undefined;
  readonly text?: string | undefined;
}

const COLUMNS: readonly Column<Entry>[] = [
  { name: "Time", width: "118px", narrowWidth: "66px", render: (entry) => <RowTime time={entry.created_at} /> },
  { name: "Topic", width: "96px", narrowWidth: "78px", render: (entry) => <TopicTag entry={entry} /> },
  { name: "Message", width: "minmax(0, 1fr)", render: (entry) => <Preview entry={entry} /> },
  {
    name: "Run",
    width: "minmax(60px, 140px)",
    wideOnly: true,
    render: (entry) => <span className="mono quiet">{entry.kind === "gap" ? "" : (entry.run_id ?? "")}</span>,
  },
];

const COMPACT_COLUMNS: readonly Column<Entry>[] = [
  { name: "Time", width: "66px", render: (entry) => <span className="number quiet">{formatClock(entry.created_at)}</span> },
  { ...COLUMNS[1]!, width: "76px" },
  COLUMNS[2]!,
];

/** The time of day, with milliseconds if there is room, and with the day if it is not today. */
function RowTime({ time }: { readonly time: string }) {
  const date = new Date(time);
  const isToday = date.toDateString() === new Date().toDateString();
  const day = date.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
  return (
    <time className="number quiet" dateTime={time} title={time}>
      {!isToday && <span className="wide">{day} </span>}
      {formatClock(time)}
      {isToday && <span className="wide">.{String(date.getMilliseconds()).padStart(3, "0")}</span>}
    </time>
  );
}

function TopicTag({ entry }: { readonly entry: Entry }) {
  if (entry.kind === "gap") return <span className="tag" data-kind="gap">gap</span>;
  return (
    <span className="tag" data-kind={entry.kind}>
      {entry.kind === "run" ? "run event" : entry.topic}
    </span>
  );
}

function Preview({ entry }: { readonly entry: Entry }) {
  const isOpen = entry.kind === "text" && !entry.has_end;
  return (
    <span className={entry.kind === "message" ? "preview mono" : "preview"}>
      {isOpen && <span className="streaming">streaming</span>}
      {entry.kind === "message" && isRecord(entry.payload) ? <Members payload={entry.payload} /> : previewOf(entry)}
    </span>
  );
}

/** The first members of a payload. */
function Members({ payload }: { readonly payload: Readonly<Record<string, unknown>> }) {
  return Object.entries(payload)
    .slice(0, 8)
    .map(([name, value]) => (
      <span key={name} className="member">
        <span className="quiet">{name}</span> {shortJson(value)}
      </span>
    ));
}

function shortJson(value: unknown): string {
  const text = JSON.stringify(value) ?? "";
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length > 0;
}

function useFiltered(entries: readonly Entry[], { topic, text }: Filter): readonly Entry[] {
  const lowerCase = useDeferredValue(text?.toLowerCase());
  return useMemo(() => {
    if (topic === undefined && lowerCase === undefined) return entries;
    return entries.filter(
      (entry) =>
        (topic === undefined || topicOf(entry) === topic || entry.kind === "gap") &&
        (lowerCase === undefined || contains(entry, lowerCase)),
    );
  }, [entries, topic, lowerCase]);
}

interface FeedToolbarProps {
  readonly channel: string;
  readonly isCompact: boolean;
  readonly feed: FeedView;
  readonly filter: Filter;
  readonly onFilter: (filter: Filter) => void;
}

function FeedToolbar({ channel, isCompact, feed, filter, onFilter }: FeedToolbarProps) {
  const { definitions } = useSession();
  const definition = definitionOf(definitions, channel);
  const known = definition?.topics.map(({ name }) => name) ?? [...new Set(feed.entries.map(topicOf))];
  const topics = [...known.filter((name) => name !== RUN_TOPIC && name !== ""), RUN_TOPIC];
  return (
    <div className="filters">
      <Choice
        label="Topic"
        value={filter.topic}
        all="All topics"
        options={topics.map((name) => [name, name === RUN_TOPIC ? "Run events" : name])}
        onChange={(topic) => onFilter({ ...filter, topic })}
      />
      <input
        type="search"
        aria-label="Search messages"
        placeholder={isCompact ? "Search" : "Search in payloads"}
        value={filter.text ?? ""}
        onChange={(event) => onFilter({ ...filter, text: event.target.value || undefined })}
      />
      <button type="button" className="button" aria-pressed={feed.isPaused} onClick={() => feed.setPaused(!feed.isPaused)}>
        <Icon name={feed.isPaused ? "play" : "pause"} size={14} />
        {feed.isPaused ? `Resume${feed.collected > 0 ? ` (${feed.collected} new)` : ""}` : "Pause"}
      </button>
      <span className="live" data-mode={feed.isPaused ? "paused" : feed.state.mode} role="status">
        <span className="dot" />
        {feed.isPaused ? "Paused" : MODES[feed.state.mode]}
      </span>
    </div>
  );
}

const MODES = { live: "Live", polling: "Polling every second", off: "Not connected" } as const;

function FeedNotes({ feed }: { readonly feed: FeedView }) {
  const { api } = useSession();
  return (
    <>
      {feed.state.error !== undefined && (
        <div className="notice" data-kind="error" role="alert">
          <Icon name="warning" />
          <div>{feed.state.error}</div>
        </div>
      )}
      {feed.state.mode === "polling" && !api.hasSigningKey && (
        <p className="quiet hint">An admin token cannot subscribe, so Studio reads the history every second. Sign in with the signing key for live messages.</p>
      )}
      {feed.isCut && <Note>This page keeps only the newest {MAX_ENTRIES.toLocaleString("en-US")} messages. Use <code>fanfare tail --since</code> to read older ones.</Note>}
    </>
  );
}

interface EmptyFeedProps {
  readonly feed: FeedView;
  readonly isFiltered: boolean;
  readonly isSearching: boolean;
}

function EmptyFeed({ feed, isFiltered, isSearching }: EmptyFeedProps) {
  const count = feed.entries.length.toLocaleString("en-US");
  if (isSearching) {
    return <Empty title={`Searching older messages: ${count} so far`} />;
  }
  if (isFiltered && feed.entries.length > 0) {
    return <Empty title={`None of the ${count} messages matches`} />;
  }
  return <Empty title="This channel has no messages">New messages appear here as they are published.</Empty>;
}
