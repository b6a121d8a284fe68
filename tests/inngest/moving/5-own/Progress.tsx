// Progress.tsx
import { useRealtime } from "fanfare/react";
import { pipeline } from "./generated/typescript/index.js";
import { fetchToken } from "./server.js";

export function Progress({ runId }: { runId: string }) {
  const { messages, connectionStatus } = useRealtime({
    channel: pipeline({ runId }),
    topics: ["status"],
    token: () => fetchToken(runId),
  });
  const status = messages.byTopic.status?.data;
  return <p>{status ? `${status.message} (${status.progress}%)` : connectionStatus}</p>;
}
