import { createTopic } from "fanfare/solid";
import { pipeline } from "./generated/typescript/index.js";

export function Latest(props: { runId: string }) {
  const status = createTopic(() => ({ channel: pipeline({ runId: props.runId }), topic: "status" }));
  return <p aria-label="Latest">{status.data?.message ?? status.connectionStatus}</p>;
}
