import { type SubscribeCallbackOptions, type Gap, type SubscriptionHandle, subscribe } from "fanfare";
import { WebSocket } from "ws";
import { pipeline } from "../../../generated/typescript/pipeline.js";

export type Pipeline = ReturnType<typeof pipeline>;
type Options = SubscribeCallbackOptions<Pipeline>;
export type PipelineMessage = Parameters<Options["onMessage"]>[0];

/** A subscription to a run's channel that records what it receives, in order. */
export interface Listener extends SubscriptionHandle {
  readonly messages: PipelineMessage[];
  readonly gaps: Gap[];
  readonly errors: Error[];
  /** The ids of messages, and "gap" for each gap, in the order received. */
  readonly log: string[];
  /** The numbers of the numbered messages. */
  readonly indexes: number[];
}

/** Options that reconnect quickly. */
export const quick = { WebSocket, reconnectMinMs: 10, reconnectMaxMs: 50 } as const;

/** Subscribes to a run's channel, by default to all of its topics. */
export async function listen(
  run: string,
  options: Omit<Options, "channel" | "onMessage"> & { readonly onMessage?: Options["onMessage"] },
): Promise<Listener> {
  const messages: PipelineMessage[] = [];
  const gaps: Gap[] = [];
  const errors: Error[] = [];
  const log: string[] = [];
  const indexes: number[] = [];
  const handle = await subscribe({
    ...quick,
    channel: pipeline({ runId: run }),
    ...options,
    onMessage: (message) => {
      messages.push(message);
      log.push(message.id);
      const number = numberOf(message);
      if (!Number.isNaN(number)) {
        indexes.push(number);
      }
      return options.onMessage?.(message);
    },
    onGap: (gap) => {
      gaps.push(gap);
      log.push("gap");
      options.onGap?.(gap);
    },
    onError: (error) => {
      errors.push(error);
      options.onError?.(error);
    },
  });
  return Object.assign(handle, { messages, gaps, errors, log, indexes });
}

function numberOf(message: PipelineMessage): number {
  if (message.topic === "tokens") {
    return message.data.index;
  }
  return message.topic === "status" ? Number.parseInt(message.data.message, 10) : Number.NaN;
}
