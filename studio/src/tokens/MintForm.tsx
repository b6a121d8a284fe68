import { type FormEvent, useState } from "react";
import type { Grant } from "../api/api.js";
import { channelOf, nameOfParam } from "../channels/definition.js";
import { useSession } from "../session/session.js";
import { Empty, ErrorNotice } from "../ui/Notice.js";

/** Mints a token for topics and signals of one channel. */
export function MintForm({ onMint }: { readonly onMint: (token: string) => void }) {
  const { api, definitions } = useSession();
  const [definition, setDefinition] = useState(definitions[0]);
  const [params, setParams] = useState<Readonly<Record<string, string>>>({});
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set());
  const [seconds, setSeconds] = useState("3600");
  const [subject, setSubject] = useState("");
  const [error, setError] = useState<Error>();
  if (definition === undefined) {
    return <Empty title="The server has no definitions" />;
  }
  const options = [
    ...definition.topics.map(({ name }) => ({ name, kind: "run" as const, label: name })),
    ...definition.signals.map(({ name }) => ({ name, kind: "signal" as const, label: `${name} (signal)` })),
  ];
  const channel = channelOf(definition, params);
  const granted = options.filter(({ label }) => !left.has(label));

  const mint = async (event: FormEvent) => {
    event.preventDefault();
    setError(undefined);
    try {
      const grants: Grant[] = granted.map(({ name, kind }) => ({ channel: channel ?? "", name, kind }));
      onMint(await api.mint(grants, { expires_in: seconds, subject }));
    } catch (failure) {
      setError(failure as Error);
    }
  };
  const toggle = (label: string) => {
    const changed = new Set(left);
    if (!changed.delete(label)) changed.add(label);
    setLeft(changed);
  };

  return (
    <form className="payload-form" onSubmit={(event) => void mint(event)}>
      <div className="form-row">
        <label>
          Definition
          <select
            value={definition.name}
            onChange={(event) => {
              setDefinition(definitions.find(({ name }) => name === event.target.value));
              setParams({});
              setLeft(new Set());
            }}
          >
            {definitions.map(({ name }) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        {definition.params.map(nameOfParam).map((param) => (
          <label key={param}>
            {param}
            <input className="mono" required value={params[param] ?? ""} onChange={(event) => setParams({ ...params, [param]: event.target.value })} />
          </label>
        ))}
      </div>
      <fieldset>
        <legend>The token grants</legend>
        {options.map(({ label }) => (
          <label key={label} className="check">
            <input type="checkbox" checked={!left.has(label)} onChange={() => toggle(label)} />
            {label}
          </label>
        ))}
      </fieldset>
      <div className="form-row">
        <label>
          Lifetime in seconds
          <input inputMode="numeric" required pattern="[0-9]+" value={seconds} onChange={(event) => setSeconds(event.target.value)} />
        </label>
        <label>
          Subject
          <input placeholder="optional" value={subject} onChange={(event) => setSubject(event.target.value)} />
        </label>
      </div>
      <ErrorNotice error={error} />
      <div className="actions">
        <button type="submit" className="button primary" disabled={channel === undefined || granted.length === 0}>
          Mint the token
        </button>
      </div>
    </form>
  );
}
