import { useTopic } from "fanfare/react";
import { pipeline } from "./generated/typescript/index.js";

export function Review({ runId }: { runId: string }) {
  const channel = pipeline({ runId });
  const { data: status, connectionStatus, waitingFor, send } = useTopic({ channel, topic: "status" });
  const approve = () => send(channel.approve, { verdict: "approve" });
  return (
    <>
      <p>{status ? `${status.message} (${status.progress}%)` : connectionStatus}</p>
      {waitingFor.includes("approve") && <button onClick={approve}>Approve</button>}
    </>
  );
}
