// Checks at compile time what `docs/moving-from-inngest-realtime.md` says about names and types.
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

/** Compiles if `Given` is assignable to `Required`. */
type Assignable<Required, Given extends Required> = [Required, Given];

export type EveryOptionOfTheHookExists = Assignable<
  keyof UseRealtimeOptions,
  // Renamed, as `key` is the token in `subscribe`.
  Exclude<keyof inngest.UseRealtimeOptions, "key"> | "resetKey"
>;

export type EveryResultOfTheHookExists = Assignable<keyof Ours, keyof Theirs>;

export type EveryStatusHasTheSameName = Assignable<
  Theirs["connectionStatus"] | Theirs["runStatus"] | Theirs["pauseReason"] | keyof Theirs["messages"],
  // `allByTopic` is Fanfare's own.
  Ours["connectionStatus"] | Ours["runStatus"] | Ours["pauseReason"] | Exclude<keyof Ours["messages"], "allByTopic">
>;

export type EveryMemberOfMessagesExists = Assignable<keyof Ours["messages"], keyof Theirs["messages"]>;

type StatusOf<Messages extends { byTopic: { status?: unknown } }> = NonNullable<Messages["byTopic"]["status"]>;

export type APayloadHasTheSameType = Assignable<
  Extract<StatusOf<Theirs["messages"]>, { kind: "data" }> extends { data: infer Data } ? Data : never,
  StatusOf<Ours["messages"]> extends { data: infer Data } ? Data : never
>;

export type TokensOfTheSdkAreAccepted = Assignable<
  Parameters<typeof useFanfare>[0]["token"],
  () => ReturnType<typeof inngest.getClientSubscriptionToken>
>;

const written = channel({ name: "pipeline:run_1", topics: { status: { schema: z.object({ progress: z.number() }) } } });

/** The SDK checks payloads at compile time for its own channels. */
export function publish(app: Inngest.Any): void {
  // @ts-expect-error Not a status.
  void app.realtime.publish(written.status, { progress: "half" });
  void app.realtime.publish(pipeline({ runId: "run_1" }).status, { progress: "half" });
}
