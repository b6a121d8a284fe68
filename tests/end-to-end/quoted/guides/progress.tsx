"use client";

import { pipeline } from "@/generated/index.js";
import { useRealtime } from "fanfare/react";

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
  const response = await fetch(`/api/runs/${runId}/token`);
  if (!response.ok) throw new Error(await response.text());
  return response.text();
}
