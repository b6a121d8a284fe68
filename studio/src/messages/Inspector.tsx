import { definitionOf } from "../channels/definition.js";
import { hrefOf } from "../route.js";
import { useSession } from "../session/session.js";
import { CopyButton } from "../ui/CopyButton.js";
import { Icon } from "../ui/Icon.js";
import { Json } from "../ui/Json.js";
import { formatTime } from "../ui/time.js";
import { type Entry, topicOf } from "./entry.js";
import { setDraft } from "../publish/draft.js";
import { curlOf, rustOf, typeScriptOf } from "../publish/snippets.js";

interface InspectorProps {
  readonly channel: string;
  readonly entry: Entry;
  readonly onClose: () => void;
}

/** One message: its envelope, its payload, and code that publishes the same. */
export function Inspector({ channel, entry, onClose }: InspectorProps) {
  return (
    <aside className="inspector" aria-label="Message">
      <header>
        <h2>{entry.kind === "run" ? "Run event" : entry.kind === "gap" ? "Gap" : entry.topic}</h2>
        <button type="button" className="icon-button" aria-label="Close the message" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      <dl className="pairs">
        <div>
          <dt>Id</dt>
          <dd className="mono">{entry.id}</dd>
        </div>
        <div>
          <dt>Time</dt>
          <dd className="number">{formatTime(entry.created_at)}</dd>
        </div>
        {entry.kind !== "gap" && entry.run_id !== undefined && (
          <div>
            <dt>Run</dt>
            <dd>
              <a className="mono" href={hrefOf(["runs", entry.run_id])}>
                {entry.run_id}
              </a>
            </dd>
          </div>
        )}
      </dl>
      <Content channel={channel} entry={entry} />
    </aside>
  );
}

function Content({ channel, entry }: { readonly channel: string; readonly entry: Entry }) {
  const { definitions } = useSession();
  if (entry.kind === "gap") {
    return (
      <p>
        Messages between <code>{entry.after}</code> and <code>{entry.before}</code> are no longer delivered to subscribers.
        Those that the storage still has are in this list.
      </p>
    );
  }
  if (entry.kind === "text") {
    return (
      <>
        <p className="text-state">
          {!entry.has_end ? (
            <span className="streaming">streaming</span>
          ) : entry.error === undefined ? (
            "Complete"
          ) : (
            <span className="failure">{entry.error}</span>
          )}
          {!entry.has_start && <span className="quiet"> The beginning is on an older page.</span>}
          <span className="quiet number"> {entry.text.length.toLocaleString("en-US")} characters</span>
        </p>
        <p className="text-block">{entry.text}</p>
        <CopyButton text={entry.text} label="Copy the text" />
      </>
    );
  }
  const schema = definitionOf(definitions, channel)?.topics.find(({ name }) => name === topicOf(entry))?.schema;
  return (
    <>
      {entry.kind === "message" && <CopyActions channel={channel} topic={entry.topic} payload={entry.payload} />}
      <Json value={entry.payload} label="Payload" />
      {schema !== undefined && (
        <details>
          <summary>Schema</summary>
          <Json value={schema} label="Schema" />
        </details>
      )}
    </>
  );
}

function CopyActions({ channel, topic, payload }: { readonly channel: string; readonly topic: string; readonly payload: unknown }) {
  const { api, definitions } = useSession();
  const definition = definitionOf(definitions, channel);
  const target = { channel, definition, kind: "topic" as const, name: topic, payload };
  return (
    <div className="actions">
      <CopyButton label="curl" text={curlOf(target)} />
      <CopyButton label="Rust" text={rustOf(target)} />
      <CopyButton label="TypeScript" text={typeScriptOf(target)} />
      {api.hasSigningKey && (
        <a className="button small" href={hrefOf(["publish"], { channel, topic })} onClick={() => setDraft({ channel, topic, payload })}>
          Publish again
        </a>
      )}
    </div>
  );
}
