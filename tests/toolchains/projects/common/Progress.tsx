"use client";

import { useRealtime } from "fanfare/react";
import { pipeline } from "./generated/typescript/index.js";

export function Progress({ runId }: { runId: string }) {
  const { messages, connectionStatus, error } = useRealtime({
    channel: pipeline({ runId }),
    topics: ["status"],
    token: () => fetch(`/runs/${runId}/token`).then((response) => response.text()),
  });
  const status = messages.byTopic.status?.data;
  if (error) return <p>{error.message}</p>;
  return <p id="status">{status ? `${status.message} (${status.progress}%)` : connectionStatus}</p>;
}
