import { useState } from "react";
import { ChannelList } from "../channels/ChannelList.js";
import { definitionOf } from "../channels/definition.js";
import { hrefOf } from "../route.js";
import { useSession } from "../session/session.js";
import { Icon } from "../ui/Icon.js";
import { Note } from "../ui/Notice.js";
import { MessageFeed } from "./MessageFeed.js";

/** The messages of one channel, or the channels to choose from. */
export function MessagesView({ channel }: { readonly channel: string | undefined }) {
  return channel === undefined ? <ChannelChoice /> : <ChannelMessages channel={channel} />;
}

function ChannelChoice() {
  const [definition, setDefinition] = useState<string>();
  return (
    <section className="page fill">
      <ChannelList title="Messages" definition={definition} onDefinition={setDefinition} />
    </section>
  );
}

function ChannelMessages({ channel }: { readonly channel: string }) {
  const { definitions } = useSession();
  return (
    <section className="page fill">
      <header className="page-head">
        <a className="back" href={hrefOf(["messages"])}>
          <Icon name="back" size={14} />
          Channels
        </a>
        <h1 className="mono">{channel}</h1>
        <span className="page-links">
          <a href={hrefOf(["runs"], { channel })}>Runs</a>
          <a href={hrefOf(["publish"], { channel })}>Publish</a>
        </span>
      </header>
      {definitionOf(definitions, channel) === undefined && <Note>No definition on this server matches this channel, so Studio shows only its stored messages.</Note>}
      <MessageFeed channel={channel} />
    </section>
  );
}
