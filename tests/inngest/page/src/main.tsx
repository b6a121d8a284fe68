import { useRealtime } from "inngest/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { pipeline } from "../../../../generated/typescript/pipeline.js";

const query = new URLSearchParams(window.location.search);
const runId = query.get("run") ?? "run_1";
const apiBaseUrl = query.get("api") ?? window.location.origin;

function App() {
  const { messages, connectionStatus, error } = useRealtime({
    channel: pipeline({ runId }),
    topics: ["status", "tokens"] as const,
    token: async () => (await fetch(`/token?run=${runId}`)).text(),
    apiBaseUrl,
    historyLimit: null,
    reconnectMinMs: 20,
    reconnectMaxMs: 100,
  });
  const text = messages.all.map((message) =>
    message.kind === "data" && message.topic === "tokens" ? `${message.data.index} ` : "",
  );
  return (
    <main>
      <p aria-label="Status">{connectionStatus}</p>
      <p aria-label="Message">{messages.byTopic.status?.data.message.toUpperCase()}</p>
      <p aria-label="Error">{error?.message}</p>
      <p aria-label="Text">{text}</p>
    </main>
  );
}

const root = document.getElementById("root");
if (root === null) {
  throw new Error("index.html has no element with the id root");
}
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
