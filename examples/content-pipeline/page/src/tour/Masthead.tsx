import { visitor } from "../visitor.js";

const REPOSITORY = "https://github.com/fanfare-rs/fanfare";

const LINKS = [
  { name: "Docs", url: `${REPOSITORY}#readme` },
  { name: "Code", url: `${REPOSITORY}/tree/main/examples/content-pipeline` },
] as const;

/** The name of the project, its links, a link to the page's server in Studio, and the claim that the demo proves. */
export function Masthead({ runId }: { readonly runId: string | undefined }) {
  return (
    <header className="masthead">
      <div className="masthead-bar">
        <p className="brand">
          <svg viewBox="0 0 32 32" aria-hidden="true">
            <path d="M3 13v6l15 6V7zM21 8v16M26 11v10" />
          </svg>
          Fanfare
        </p>
        <nav aria-label="Project">
          <a href={runId === undefined ? "/look-inside" : `/look-inside?run=${runId}`} target="_blank" rel="noreferrer">
            Look inside with Studio
          </a>
          {LINKS.map(({ name, url }) => (
            <a key={name} href={url} target="_blank" rel="noreferrer">
              {name}
            </a>
          ))}
        </nav>
      </div>
      <h1>Kill the server. This page continues.</h1>
      <p>
        A Rust server summarises a text, publishes each step on a typed channel, and asks a person before it publishes
        the result. Here, that person is you, <b>{visitor}</b>.
      </p>
    </header>
  );
}
