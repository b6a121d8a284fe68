import { useState } from "react";
import type { Definition } from "../api/types.js";
import { channelOf, definitionOf, nameOfParam, paramsOf } from "../channels/definition.js";
import { hrefOf, useRoute } from "../route.js";
import { useSession } from "../session/session.js";
import { Code } from "../ui/Json.js";
import { Empty, ErrorNotice, Note } from "../ui/Notice.js";
import { Tabs } from "../ui/Tabs.js";
import { announce } from "../ui/Toasts.js";
import { draftFor } from "./draft.js";
import { Limits } from "./form/Field.js";
import { PayloadForm } from "./PayloadForm.js";
import { curlOf, rustOf, type SnippetTarget, typeScriptOf } from "./snippets.js";

/** Publishes a message or sends a signal, with a form, and shows code that does the same. */
export function PublishView() {
  const { api, definitions } = useSession();
  const { query } = useRoute();
  const channel = query.get("channel") ?? "";
  const named = definitions.find(({ name }) => name === query.get("definition"));
  const initial = named ?? definitionOf(definitions, channel) ?? definitions[0];
  return (
    <section className="page">
      <header className="page-head">
        <h1>Publish and signal</h1>
      </header>
      {!api.hasSigningKey ? (
        <Note>An admin token cannot publish or send signals. Sign in with the signing key.</Note>
      ) : initial === undefined ? (
        <Empty title="The server has no definitions" />
      ) : (
        <Composer key={query.toString()} initial={initial} channel={channel} query={query} />
      )}
    </section>
  );
}

interface ComposerProps {
  readonly initial: Definition;
  readonly channel: string;
  readonly query: URLSearchParams;
}

function Composer({ initial, channel: initialChannel, query }: ComposerProps) {
  const { api, definitions } = useSession();
  const [chosen, setChosen] = useState(initial.name);
  // The server may have other definitions than before.
  const definition = definitions.find((candidate) => candidate.name === chosen) ?? initial;
  const [params, setParams] = useState(() => (initialChannel === "" ? {} : paramsOf(initial, initialChannel)));
  const [chosenTarget, setTarget] = useState(() => firstTarget(initial, query));
  const targets = targetsOf(definition);
  const target = targets.includes(chosenTarget) ? chosenTarget : (targets[0] ?? "topic ");
  const [payload, setPayload] = useState<unknown>();
  const [error, setError] = useState<Error>();
  const [kind, name] = splitTarget(target);
  const topic = kind === "topic" ? definition.topics.find((candidate) => candidate.name === name) : undefined;
  const signal = kind === "signal" ? definition.signals.find((candidate) => candidate.name === name) : undefined;
  const channel = channelOf(definition, params);

  const send = async (body: string) => {
    setError(undefined);
    try {
      if (channel === undefined) throw new Error("Enter the channel's params first.");
      if (kind === "topic") {
        const { id } = await api.post<{ id: string }>("publish", { channel, topic: name }, body);
        announce(`Published as ${id}.`);
      } else {
        const { status, run_id } = await api.post<{ status: string; run_id: string }>("signal", { channel, name }, body);
        announce(status === "accepted" ? `The run ${run_id} accepted ${name}.` : `${name} is kept until the run ${run_id} asks for it.`);
      }
    } catch (failure) {
      setError(failure as Error);
    }
  };

  return (
    <div className="composer">
      <div>
        <div className="form-row">
          <label>
            Definition
            <select
              value={definition.name}
              onChange={(event) => {
                setChosen(event.target.value);
                setParams({});
                setTarget("");
              }}
            >
              {definitions.map((candidate) => (
                <option key={candidate.name}>{candidate.name}</option>
              ))}
            </select>
          </label>
          {definition.params.map((param) => {
            const name = nameOfParam(param);
            const schema = typeof param === "string" ? undefined : param.schema;
            return (
              <label key={name}>
                {name}
                <input className="mono" required value={params[name] ?? ""} onChange={(event) => setParams({ ...params, [name]: event.target.value })} />
                {schema !== undefined && <Limits schema={schema} root={schema} />}
              </label>
            );
          })}
          <label>
            Topic or signal
            <select value={target} onChange={(event) => setTarget(event.target.value)}>
              {targets.map((option) => (
                <option key={option} value={option}>
                  {splitTarget(option).join(": ")}
                </option>
              ))}
            </select>
          </label>
        </div>
        <p className="quiet">
          {channel === undefined ? (
            "Enter all params to get the channel's name."
          ) : (
            <>
              Channel{" "}
              <a className="mono" href={hrefOf(["messages", channel])}>
                {channel}
              </a>
            </>
          )}
        </p>
        <ErrorNotice error={error} />
        {topic?.carries === "text_stream" ? (
          <TextStreamForm channel={channel} topic={name} onError={setError} />
        ) : (
          <PayloadForm
            key={`${definition.name} ${target}`}
            version={definition.fingerprint}
            schema={topic?.schema ?? signal?.schema}
            check={{ channel: channel ?? definition.name, [kind]: name }}
            label="Payload"
            submit={kind === "topic" ? "Publish" : "Send the signal"}
            draft={kind === "topic" && channel !== undefined ? draftFor(channel, name) : undefined}
            onSubmit={send}
            onChange={setPayload}
          />
        )}
      </div>
      {topic?.carries !== "text_stream" && channel !== undefined && payload !== undefined && (
        <Snippets target={{ channel, definition, kind, name, payload }} />
      )}
    </div>
  );
}

function Snippets({ target }: { readonly target: SnippetTarget }) {
  return (
    <Tabs
      label="Code that does the same"
      tabs={[
        { name: "curl", content: <Code text={curlOf(target)} label="curl" /> },
        { name: "Rust", content: <Code text={rustOf(target)} label="Rust" /> },
        { name: "TypeScript", content: <Code text={typeScriptOf(target)} label="TypeScript" /> },
      ]}
    />
  );
}

interface TextStreamFormProps {
  readonly channel: string | undefined;
  readonly topic: string;
  readonly onError: (error: Error | undefined) => void;
}

function TextStreamForm({ channel, topic, onError }: TextStreamFormProps) {
  const { api } = useSession();
  const [text, setText] = useState("");
  const send = async () => {
    onError(undefined);
    try {
      const { id } = await api.postText<{ id: string }>("publish", { channel, topic }, text);
      announce(`Published as ${id}.`);
    } catch (error) {
      onError(error as Error);
    }
  };
  return (
    <form
      className="payload-form"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <label>
        Text
        <textarea rows={6} value={text} onChange={(event) => setText(event.target.value)} />
      </label>
      <div className="actions">
        <button type="submit" className="button primary" disabled={channel === undefined}>
          Publish the text
        </button>
      </div>
    </form>
  );
}

function targetsOf({ topics, signals }: Definition): readonly string[] {
  return [...topics.map(({ name }) => `topic ${name}`), ...signals.map(({ name }) => `signal ${name}`)];
}

function firstTarget(definition: Definition, query: URLSearchParams): string {
  const { topic, signal } = Object.fromEntries(query) as { topic?: string; signal?: string };
  const asked = signal === undefined ? `topic ${topic ?? ""}` : `signal ${signal}`;
  const targets = targetsOf(definition);
  return targets.includes(asked) ? asked : (targets[0] ?? "topic ");
}

function splitTarget(target: string): readonly ["topic" | "signal", string] {
  const [kind, name = ""] = target.split(/ (.*)/s);
  return [kind === "signal" ? "signal" : "topic", name];
}
