import { useRealtime } from "fanfare/react";
import { pipeline } from "./generated/typescript/index.js";

export function Update({ runId, token }: { runId: string; token: () => Promise<string> }) {
  const { drift } = useRealtime({ channel: pipeline({ runId }), token });
  if (drift?.outdated !== "page") return null;
  return <button onClick={() => location.reload()}>A new version is available: reload</button>;
}
