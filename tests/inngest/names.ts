// What the page on moving says of names and types. Nothing here runs; the type check holds it.
import type { Inngest } from "inngest";
import { channel } from "inngest/realtime";
import { z } from "zod";
import type { useRealtime as useFanfare, UseRealtimeOptions, UseRealtimeResult } from "fanfare/react";
import type * as inngest from "inngest/react";
import { pipeline } from "../../generated/typescript/pipeline.js";

type Pipeline = ReturnType<typeof pipeline>;
type Topics = readonly ["status"];

type Theirs = inngest.UseRealtimeResult<Pipeline, Topics>;
type Ours = UseRealtimeResult<Pipeline, Topics>;

/** Compiles where the second has all that the first has. */
type Holds<Required, Given extends Required> = [Required, Given];

export type EveryOptionOfTheHookIsThere = Holds<
  keyof UseRealtimeOptions,
  keyof inngest.UseRealtimeOptions
>;

export type EveryResultOfTheHookIsThere = Holds<keyof Ours, keyof Theirs>;

export type EveryStatusIsNamedAlike = Holds<
  Theirs["connectionStatus"] | Theirs["runStatus"] | Theirs["pauseReason"] | keyof Theirs["messages"],
  Ours["connectionStatus"] | Ours["runStatus"] | Ours["pauseReason"] | keyof Ours["messages"]
>;

type StatusOf<Messages extends { byTopic: { status?: unknown } }> = NonNullable<Messages["byTopic"]["status"]>;

export type APayloadHasTheSameType = Holds<
  Extract<StatusOf<Theirs["messages"]>, { kind: "data" }> extends { data: infer Data } ? Data : never,
  StatusOf<Ours["messages"]> extends { data: infer Data } ? Data : never
>;

export type ATokenOfTheSdkIsATokenHere = Holds<
  Parameters<typeof useFanfare>[0]["token"],
  () => ReturnType<typeof inngest.getClientSubscriptionToken>
>;

const written = channel({ name: "pipeline:run_1", topics: { status: { schema: z.object({ progress: z.number() }) } } });

/** The SDK checks what is published at compile time for channels that it has made itself. */
export function publish(app: Inngest.Any): void {
  // @ts-expect-error Not a status.
  void app.realtime.publish(written.status, { progress: "half" });
  void app.realtime.publish(pipeline({ runId: "run_1" }).status, { progress: "half" });
}
