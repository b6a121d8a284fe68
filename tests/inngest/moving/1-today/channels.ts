// channels.ts
import { realtime } from "inngest/realtime";
import { z } from "zod";

export const pipeline = realtime.channel({
  name: ({ runId }: { runId: string }) => `pipeline:${runId}`,
  topics: {
    status: {
      schema: z.object({
        message: z.string().min(1),
        step: z.enum(["split", "score", "choose", "write", "complete"]),
        progress: z.number().int().min(0).max(100),
      }),
    },
  },
});
