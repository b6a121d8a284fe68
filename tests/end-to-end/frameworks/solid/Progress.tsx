import { createRealtime } from "fanfare/solid";
import { Show } from "solid-js";
import { pipeline } from "./generated/typescript/index.js";

export function Progress(props: { runId: string }) {
  const channel = () => pipeline({ runId: props.runId });
  const realtime = createRealtime(() => ({ channel: channel(), topics: ["status"] }));
  const status = () => realtime.messages.byTopic.status?.data;
  const approve = () =>
    realtime.send(channel().approve, { verdict: "approve" }, { questionId: realtime.questionIds.approve });
  return (
    <>
      <p>{status() ? `${status()?.message} (${status()?.progress}%)` : realtime.connectionStatus}</p>
      <Show when={realtime.waitingFor.includes("approve")}>
        <button onClick={approve}>Approve</button>
      </Show>
    </>
  );
}
