import type { StateSnapshot } from "fanfare";
import { useRealtime } from "fanfare/react";
import { pipeline } from "./generated/typescript/index.js";

interface Run {
  readonly title: string;
  readonly progress: number;
}

export function RunPage({ runId, token }: { runId: string; token: () => Promise<string> }) {
  const { state: run, error } = useRealtime({
    channel: pipeline({ runId }),
    topics: ["status"],
    token,
    state: async ({ abortSignal }) => {
      const response = await fetch(`/api/runs/${runId}`, { signal: abortSignal });
      if (!response.ok) throw new Error(await response.text());
      return (await response.json()) as StateSnapshot<Run>;
    },
    reduce: (run, { data }) => ({ ...run, progress: data.progress }),
  });
  if (run) return <p>{`${run.title}: ${run.progress}%`}</p>;
  return <p>{error?.message ?? "Loading"}</p>;
}
