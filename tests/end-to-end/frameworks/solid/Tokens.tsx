import { createRealtime } from "fanfare/solid";
import { pipeline } from "./generated/typescript/index.js";

export function Tokens(props: { runId: string; isEnabled: boolean }) {
  const realtime = createRealtime(() => ({
    channel: pipeline({ runId: props.runId }),
    topics: ["tokens"],
    enabled: props.isEnabled,
    historyLimit: null,
  }));
  return (
    <>
      <p aria-label="Status">{realtime.connectionStatus}</p>
      <p aria-label="Tokens">{realtime.messages.allByTopic.tokens?.map(({ data }) => data.index).join(" ")}</p>
    </>
  );
}
