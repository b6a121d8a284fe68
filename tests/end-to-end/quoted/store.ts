import { RealtimeStore } from "fanfare";
import type { MessageView } from "fanfare";
import { pipeline } from "./generated/typescript/index.js";

/** Shows the status of a run until the returned function is called. */
export function watch(runId: string, token: () => Promise<string>, show: (status?: MessageView) => void): () => void {
  const store = new RealtimeStore({ channel: pipeline({ runId }), token });
  store.subscribe(() => show(store.getSnapshot().messages.byTopic.status));
  store.start();
  return () => store.stop();
}
