import { useRealtime } from "fanfare/react";
import { pipeline } from "./generated/typescript/index.js";

export function Progress({ runId }: { runId: string }) {
  const { messages, connectionStatus, error } = useRealtime({
    channel: pipeline({ runId }),
    topics: ["status"],
    token: () => fetchToken(runId),
  });
  const status = messages.byTopic.status?.data;
  if (error) return <p>{error.message}</p>;
  return <p>{status ? `${status.message} (${status.progress}%)` : connectionStatus}</p>;
}

async function fetchToken(runId: string): Promise<string> {
  const response = await fetch(`/runs/${runId}/token`);
  if (!response.ok) throw new Error(await response.text());
  return response.text();
}
