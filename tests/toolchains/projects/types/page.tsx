import { subscribe, RealtimeStore, type Gap, type MessageView } from "fanfare";
import { showOverlay } from "fanfare/overlay";
import { RealtimeProvider, useRealtime, useTopic } from "fanfare/react";
import { createTestHub, exampleOf } from "fanfare/testing";
import * as f from "fanfare/zod";
import * as index from "INDEX";
import { pipeline, type PipelineStatus } from "INDEX";
import { PipelineStatusSchema } from "ZOD";

export function Progress({ runId, onStatus }: { runId: string; onStatus: (status: PipelineStatus) => void }) {
  const channel = pipeline({ runId });
  const { messages, drift } = useRealtime({ channel, topics: ["status"], token: async () => "a.b.c" });
  const { data, send } = useTopic({ channel, topic: "status" });
  const status: PipelineStatus | undefined = messages.byTopic.status?.data ?? data;
  if (status) onStatus(status);
  return (
    <RealtimeProvider apiBaseUrl="https://api.example.com">
      <button onClick={() => send(channel.approve, { verdict: "approve" })}>{drift?.kind ?? status?.message}</button>
    </RealtimeProvider>
  );
}

export async function watch(onGap: (gap: Gap) => void): Promise<MessageView | undefined> {
  const store = new RealtimeStore({ channel: index.presence, token: "a.b.c" });
  for await (const message of await subscribe({ channel: index.invoices({ customerId: 1 }), token: "a.b.c", onGap })) {
    const number: string = message.data.number;
    console.log(number);
  }
  return store.getSnapshot().messages.byTopic.joined;
}

export function check(value: unknown): number | readonly f.Issue[] {
  const result = PipelineStatusSchema.safeParse(value);
  return result.success ? result.data.progress : f.issues(result.error);
}

showOverlay();
const hub = createTestHub();
hub.channel(pipeline({ runId: "run_42" })).status(exampleOf(pipeline({ runId: "run_42" }).status));
