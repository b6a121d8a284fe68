import "./before-schemas.js";
import type { MessageView, SignalError, TransportChoice } from "fanfare";
import { useRealtime } from "fanfare/react";
import { StrictMode, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { pipeline } from "../../../../generated/typescript/pipeline.js";
import { subscribeAndThrow } from "./throwing.js";

const query = new URLSearchParams(window.location.search);
const apiBaseUrl = query.get("api") ?? undefined;
const transport = (query.get("transport") ?? undefined) as TransportChoice | undefined;
const wait = query.has("wait") ? Number(query.get("wait")) : undefined;

const { seen } = window;
if (query.has("throws")) {
  subscribeAndThrow(query.get("run") ?? "run_1", apiBaseUrl, transport);
}

function App() {
  const [runId, setRunId] = useState(query.get("run") ?? "run_1");
  const [enabled, setEnabled] = useState(true);
  const realtime = useRealtime({
    channel: pipeline({ runId }),
    token: query.has("session") ? "session" : async () => (await fetch(`/token?run=${runId}`)).text(),
    apiBaseUrl,
    enabled,
    historyLimit: null,
    reconnectMinMs: wait ?? 20,
    reconnectMaxMs: wait ?? 100,
    transport,
  });
  const { messages, connectionStatus, reset, send } = realtime;
  const [verdict, setVerdict] = useState("");
  useSeen(realtime);
  return (
    <main>
      <p aria-label="Status">{connectionStatus}</p>
      <p aria-label="Message">{messages.byTopic.status?.data.message.toUpperCase()}</p>
      <p aria-label="Text">
        {messages.all.map((message) => (message.topic === "tokens" ? message.data.text : ""))}
      </p>
      <p aria-label="Draft">{messages.byTopic.draft?.data}</p>
      <p aria-label="Draft status">{messages.byTopic.draft?.status}</p>
      <button onClick={() => setEnabled(!enabled)}>{enabled ? "Disable" : "Enable"}</button>
      <button onClick={reset}>Reset</button>
      <button onClick={() => setRunId(`${runId}b`)}>Next run</button>
      <button
        onClick={() =>
          send(pipeline({ runId }).approve, { verdict: "approve" }).then(
            ({ status }) => setVerdict(status),
            (error: SignalError) => setVerdict(`${error.code}: ${error.message}`),
          )
        }
      >
        Approve
      </button>
      <p aria-label="Verdict">{verdict}</p>
    </main>
  );
}

/** Records the results of the hook. Effects of one render may run twice in StrictMode. */
function useSeen(realtime: ReturnType<typeof useRealtime<ReturnType<typeof pipeline>>>): void {
  const { messages, connectionStatus, isPaused, pauseReason, runStatus, error, gap } = realtime;
  useEffect(() => {
    if (seen.statuses.at(-1) !== connectionStatus) {
      seen.statuses.push(connectionStatus);
    }
    seen.view = {
      connectionStatus,
      isPaused,
      pauseReason,
      runStatus,
      error: error?.message ?? null,
      gap,
      ids: messages.all.map(({ id }) => id),
      indexes: messages.all.map(numberOf).filter((number) => !Number.isNaN(number)),
      last: messages.last?.id ?? null,
      byTopic: Object.fromEntries(Object.entries(messages.byTopic).map(([topic, { id }]) => [topic, id])),
    };
  });
  useEffect(() => {
    if (messages.delta.length > 0) {
      seen.deltas.push(messages.delta.map(({ id }) => id));
    }
  }, [messages]);
}

function numberOf(message: MessageView<ReturnType<typeof pipeline>>): number {
  if (message.topic === "tokens") {
    return message.data.index;
  }
  return message.topic === "status" ? Number.parseInt(message.data.message, 10) : Number.NaN;
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
