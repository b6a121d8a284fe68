import { useRealtime } from "fanfare/react";
import { useEffect, useState } from "react";
import { system } from "../../../../generated/typescript/system.js";
import type { SystemNotice } from "../../../../generated/typescript/system.types.js";
import { Composer } from "./Composer.js";
import { RunView } from "./RunView.js";
import { fetchToken, startRun } from "./server.js";
import { Masthead } from "./tour/Masthead.js";
import { Tour } from "./tour/Tour.js";

/** The page. Its URL has the id of the run, so that a reloaded or shared page shows the same run. */
export function App() {
  const [runId, setRunId] = useState(runIdOfAddress);
  const [problem, setProblem] = useState<string>();
  const { messages, connectionStatus } = useRealtime({
    channel: system,
    topics: ["notice"] as const,
    token: () => fetchToken(),
  });
  const { notice } = messages.byTopic;

  useEffect(() => {
    const follow = () => setRunId(runIdOfAddress());
    window.addEventListener("hashchange", follow);
    return () => window.removeEventListener("hashchange", follow);
  }, []);

  const summarise = async (text?: string) => {
    try {
      window.location.hash = await startRun(text);
      setProblem(undefined);
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };

  return (
    <div className="page">
      <Masthead runId={runId} />
      <Tour connectionStatus={connectionStatus} noticeId={notice?.id} runId={runId} />
      <main>
        {notice !== undefined && <Notice notice={notice.data} />}
        {runId !== undefined && <RunView key={runId} runId={runId} />}
        <Composer isFirst={runId === undefined} problem={problem} onSummarise={summarise} />
      </main>
    </div>
  );
}

/** The latest notice of the server. */
function Notice({ notice }: { readonly notice: SystemNotice }) {
  return (
    <p className="notice" data-level={notice.level} role="status">
      {notice.text}
    </p>
  );
}

function runIdOfAddress(): string | undefined {
  const name = window.location.hash.slice(1);
  return /^run_[a-z0-9]+$/u.test(name) ? name : undefined;
}
