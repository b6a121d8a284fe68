import { subscribe } from "fanfare";
import type { TransportChoice } from "fanfare";
import { pipeline } from "../../../../generated/typescript/pipeline.js";

function fail(): never {
  throw new Error("thrown on purpose");
}

/** Subscribes with handlers that all throw, over the connection of the rest of the page. */
export function subscribeAndThrow(runId: string, apiBaseUrl: string | undefined, transport: TransportChoice | undefined): void {
  void subscribe({
    channel: pipeline({ runId }),
    token: async () => (await fetch(`/token?run=${runId}`)).text(),
    apiBaseUrl,
    transport,
    onMessage: fail,
    onRun: fail,
    onGap: fail,
    onInvalid: fail,
    onError: fail,
    onDrift: fail,
  });
}
