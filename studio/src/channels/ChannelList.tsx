import { useEffect, useState } from "react";
import type { ChannelInfo } from "../api/types.js";
import { usePages } from "../api/use-pages.js";
import { hrefOf, navigate } from "../route.js";
import { useSession } from "../session/session.js";
import { Choice } from "../ui/Choice.js";
import { type Column, Grid } from "../ui/Grid.js";
import { Empty, ErrorNotice } from "../ui/Notice.js";
import { formatAge, formatBytes, formatCount, formatTime, useNow } from "../ui/time.js";

interface ChannelListProps {
  readonly title: string;
  readonly definition: string | undefined;
  readonly onDefinition: (definition: string | undefined) => void;
}

/** The channels that are stored or open. A row opens the channel's messages. */
export function ChannelList({ title, definition, onDefinition }: ChannelListProps) {
  const { api, definitions } = useSession();
  const [text, setText] = useState("");
  const [prefix, setPrefix] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => setPrefix(text.trim()), 250);
    return () => clearTimeout(timer);
  }, [text]);
  const channels = usePages<ChannelInfo>(api, "admin/channels", { definition, prefix }, ({ name }) => name, 3000);
  const [selected, setSelected] = useState<string>();
  const now = useNow(10_000);
  const open = (name: string) => navigate(["messages", name]);
  return (
    <>
      <header className="page-head">
        <h1>{title}</h1>
        <div className="filters">
          <Choice
            label="Definition"
            value={definition}
            all="All definitions"
            options={definitions.map(({ name }) => [name, name])}
            onChange={onDefinition}
          />
          <input
            type="search"
            aria-label="Start of the name"
            placeholder="Start of the name"
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        </div>
      </header>
      <ErrorNotice error={channels.error} />
      {channels.items.length === 0 && !channels.isLoading && channels.error === undefined ? (
        <Empty title={prefix === "" && definition === undefined ? "No channel is open or stored" : "No channel matches"}>
          A channel appears here once it has a subscriber or a message.
        </Empty>
      ) : (
        <Grid
          label="Channels"
          items={channels.items}
          columns={columnsAt(now)}
          idOf={({ name }) => name}
          selectedId={selected}
          onSelect={({ name }) => setSelected(name)}
          onOpen={({ name }) => open(name)}
          onEnd={channels.loadMore}
          onVisible={channels.onVisible}
          footer={channels.hasMore ? "Loading more…" : undefined}
        />
      )}
    </>
  );
}

function columnsAt(now: number): readonly Column<ChannelInfo>[] {
  return [
    {
      name: "Channel",
      width: "minmax(140px, 4fr)",
      render: ({ name }) => (
        <a className="mono" href={hrefOf(["messages", name])} title={name} tabIndex={-1}>
          {name}
        </a>
      ),
    },
    {
      name: "Definition",
      width: "minmax(72px, 1fr)",
      wideOnly: true,
      render: ({ definition }) => definition ?? <span className="quiet">none</span>,
    },
    { name: "Subscribers", width: "88px", align: "end", render: (channel) => <span className="number">{formatCount(channel.subscribers)}</span> },
    { name: "Messages", width: "76px", align: "end", render: (channel) => <span className="number">{formatCount(channel.messages)}</span> },
    { name: "Size", width: "72px", align: "end", wideOnly: true, render: ({ bytes }) => <span className="number">{formatBytes(bytes)}</span> },
    {
      name: "Used",
      width: "48px",
      align: "end",
      wideOnly: true,
      render: ({ used_at }) =>
        used_at === undefined ? "" : (
          <span className="number" title={formatTime(used_at, now)}>
            {formatAge(now - Date.parse(used_at))}
          </span>
        ),
    },
  ];
}
