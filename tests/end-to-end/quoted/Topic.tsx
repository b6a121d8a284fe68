import { RealtimeProvider, useTopic } from "fanfare/react";
import { pipeline } from "./generated/typescript/index.js";

export function App() {
  return (
    <RealtimeProvider apiBaseUrl="https://api.example.com" token={({ channel }) => fetchToken(channel)}>
      <Status runId="run_42" />
    </RealtimeProvider>
  );
}

function Status({ runId }: { runId: string }) {
  const { data: status, connectionStatus, error } = useTopic({ channel: pipeline({ runId }), topic: "status" });
  if (error) return <p>{error.message}</p>;
  return <p>{status?.message ?? connectionStatus}</p>;
}

async function fetchToken(channel: string): Promise<string> {
  const response = await fetch(`/token?channel=${encodeURIComponent(channel)}`);
  if (!response.ok) throw new Error(await response.text());
  return response.text();
}
