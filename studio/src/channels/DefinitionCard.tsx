import type { ReactNode } from "react";
import type { Definition, TopicInfo } from "../api/types.js";
import { hrefOf } from "../route.js";
import { useSession } from "../session/session.js";
import { Fact } from "../ui/Fact.js";
import { formatDuration } from "../ui/time.js";
import { nameOfParam } from "./definition.js";
import { SchemaView } from "./SchemaView.js";

/** A channel's definition: its address, params, topics, signals and history. */
export function DefinitionCard({ definition, isOpen }: { readonly definition: Definition; readonly isOpen: boolean }) {
  const { api } = useSession();
  const { name, address, description, params, topics, signals, history } = definition;
  return (
    <details className="card" open={isOpen}>
      <summary>
        <strong>{name}</strong> <code>{address}</code>
      </summary>
      {description !== undefined && <p>{description}</p>}
      <dl className="facts">
        <Fact name="History">
          {history.messages.toLocaleString("en-US")} messages, {formatDuration(history.seconds * 1000)}
        </Fact>
        <Fact name="Result of runs">{definition.has_result ? "yes" : "none"}</Fact>
        <Fact name="Definition hash">
          <code>{definition.fingerprint}</code>
        </Fact>
      </dl>
      {params.map((param) => (
        <Part key={nameOfParam(param)} kind="param" name={nameOfParam(param)} schema={typeof param === "string" ? undefined : param.schema} />
      ))}
      {topics.map((topic) => (
        <Part
          key={topic.name}
          kind={topic.carries === "text_stream" ? "text stream" : "topic"}
          name={topic.name}
          description={topic.description}
          notes={[describeRetain(topic), describeAliases(topic.aliases)]}
          schema={topic.schema}
        >
          {api.hasSigningKey && <a href={hrefOf(["publish"], { definition: name, topic: topic.name })}>Publish</a>}
        </Part>
      ))}
      {signals.map((signal) => (
        <Part
          key={signal.name}
          kind="signal"
          name={signal.name}
          description={signal.description}
          notes={[describeAliases(signal.aliases)]}
          schema={signal.schema}
        >
          {api.hasSigningKey && <a href={hrefOf(["publish"], { definition: name, signal: signal.name })}>Send</a>}
        </Part>
      ))}
      {definition.result_schema !== undefined && <Part kind="result" name="result" schema={definition.result_schema} />}
    </details>
  );
}

function describeRetain({ retain }: TopicInfo): string {
  if (retain === 0) return "";
  return retain === 1 ? "retains the latest message" : `retains ${retain.toLocaleString("en-US")} messages`;
}

function describeAliases(aliases: readonly string[]): string {
  return aliases.length === 0 ? "" : `earlier ${aliases.join(", ")}`;
}

interface PartProps {
  readonly kind: string;
  readonly name: string;
  readonly description?: string | undefined;
  readonly notes?: readonly string[];
  readonly schema: Definition["result_schema"] | undefined;
  readonly children?: ReactNode;
}

function Part({ kind, name, description, notes = [], schema, children }: PartProps) {
  return (
    <div className="part">
      <div className="part-head">
        <span className="tag">{kind}</span>
        <strong className="mono">{name}</strong>
        <span className="quiet">{notes.filter((note) => note !== "").join(", ")}</span>
        <span className="part-action">{children}</span>
      </div>
      {description !== undefined && <p className="quiet">{description}</p>}
      {schema !== undefined && <SchemaView schema={schema} name={name} />}
    </div>
  );
}
