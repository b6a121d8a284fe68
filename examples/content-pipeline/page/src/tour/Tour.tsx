import type { ReactNode } from "react";
import { type Hint, type ServerState, useTour } from "./use-tour.js";

interface TourProps extends ServerState {
  /** The run that the page shows. */
  readonly runId: string | undefined;
}

/** Three hints to try on a running page. Each one notices when it was tried. */
export function Tour({ runId, ...server }: TourProps) {
  const { tried, isServerGone } = useTour(runId, server);
  const steps: readonly Step[] = [
    {
      hint: "kill",
      title: "Kill the server",
      todo: (
        <>
          Press <kbd>Enter</kbd> in the terminal of <code>cargo xtask demo</code>. The process dies at once, and starts again
          after 3 seconds.
        </>
      ),
      gone: isServerGone ? "The server is gone. This page keeps what it has, and reconnects." : undefined,
      done: "The server is back, and this page continued where it was.",
    },
    {
      hint: "tab",
      title: (
        <a href={window.location.href} target="_blank" rel="noreferrer">
          Open a second tab
        </a>
      ),
      todo: "It shows the same run, to another person. If both give a verdict, the first one counts.",
      done: "Both tabs show the same run, message by message.",
    },
    {
      hint: "reload",
      title: <button onClick={() => window.location.reload()}>Reload the page</button>,
      todo: "The page stores nothing of the run. The server sends all of it again, and continues live.",
      done: "The page was empty, and the whole run is here again.",
    },
  ];
  const next = runId === undefined ? undefined : steps.find(({ hint }) => !tried.has(hint))?.hint;

  return (
    <aside className="tour" aria-labelledby="tour-title">
      <h2 id="tour-title">
        {tried.size === steps.length ? "Nothing was lost" : "Try to break it"}
        <span>
          {tried.size} of {steps.length}
        </span>
      </h2>
      {runId === undefined && <p>Start a summary. While it runs:</p>}
      <ol>
        {steps.map(({ hint, title, todo, done, gone }) => (
          <li key={hint} data-tried={tried.has(hint)} data-gone={gone !== undefined} data-next={hint === next}>
            <h3>{title}</h3>
            <p role="status">{gone ?? (tried.has(hint) ? done : todo)}</p>
          </li>
        ))}
      </ol>
    </aside>
  );
}

interface Step {
  readonly hint: Hint;
  readonly title: ReactNode;
  readonly todo: ReactNode;
  /** The text while the server is gone. */
  readonly gone?: string | undefined;
  /** The text after the hint was tried. */
  readonly done: string;
}
