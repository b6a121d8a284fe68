// Progress.tsx
import { useRealtime } from "inngest/react";
import { pipeline } from "./channels.js";
import { fetchToken } from "./server.js";

export function Progress({ runId }: { runId: string }) {
  const { messages, connectionStatus } = useRealtime({
    channel: pipeline({ runId }),
    topics: ["status"] as const,
    token: () => fetchToken(runId),
  });
  const status = messages.byTopic.status?.data;
  return <p>{status ? `${status.message} (${status.progress}%)` : connectionStatus}</p>;
}
