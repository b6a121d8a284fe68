import { setQuery, useRoute } from "../route.js";
import { useSession } from "../session/session.js";
import { Empty } from "../ui/Notice.js";
import { ChannelList } from "./ChannelList.js";
import { DefinitionCard } from "./DefinitionCard.js";

/** The definitions that the server has, and the channels of each. */
export function ChannelsView() {
  const { definitions } = useSession();
  const { query } = useRoute();
  const selected = query.get("definition") ?? undefined;
  const shown = definitions.filter(({ name }) => selected === undefined || name === selected);
  return (
    <section className="page fill">
      <div className="channels">
        <div className="channel-list">
          <ChannelList title="Channels" definition={selected} onDefinition={(definition) => setQuery({ definition })} />
        </div>
        <div className="definitions">
          <h2>Definitions</h2>
          {shown.length === 0 && <Empty title={selected === undefined ? "The server has no definitions" : `No definition is named ${selected}`} />}
          {shown.map((definition) => (
            <DefinitionCard key={definition.name} definition={definition} isOpen={shown.length <= 3} />
          ))}
        </div>
      </div>
    </section>
  );
}
