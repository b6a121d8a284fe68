/** Compiled, never run: what the types of signals and results accept and reject. */
import * as z from "zod";
import { defineChannel, RealtimeStore, send, SignalError, subscribe } from "../src/index.js";
import type { ChannelName, RunError, RunUpdate, SignalReceipt } from "../src/index.js";
import { useRealtime } from "../src/react.js";
import { createRealtime } from "../src/server.js";
import { pipeline, reviews } from "./pipeline.js";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function isTrue<T extends true>(): T | undefined {
  return undefined;
}

const review = reviews({ runId: "run_42" });
/** Has a signal of the same name and payload. */
const contract = defineChannel({
  name: "contract",
  address: "contract:{id}",
  fingerprint: "",
  params: { id: z.string() },
  topics: {},
  signals: { approve: { payload: z.object({ verdict: z.enum(["approve", "edit", "reject"]) }) } },
})({ id: "7" });
const token = "token";

export async function core(): Promise<void> {
  const receipt = await send(review.approve, { verdict: "edit", text: "Better" }, { token, runId: "run_42" });
  isTrue<Same<typeof receipt, SignalReceipt>>();
  isTrue<Same<typeof receipt.status, "accepted" | "kept">>();
  isTrue<Same<ChannelName<typeof review>, `pipeline:${string}`>>();
  // In its wire form, a 64-bit integer is a string.
  await send(review.budget, "12345678901234567890", { token: async () => ({ key: token }) });
  // @ts-expect-error: no such verdict
  await send(review.approve, { verdict: "maybe" }, { token });
  // @ts-expect-error: not the wire form
  await send(review.budget, 7n, { token });
  // @ts-expect-error: a topic is not a signal
  await send(review.tokens, "a", { token });
  // @ts-expect-error: no such signal
  await send(review.nope, "a", { token });
  const codes = (error: SignalError): string => {
    switch (error.code) {
      case "already_taken":
        isTrue<Same<typeof error.takenSignal, string | undefined>>();
        isTrue<Same<typeof error.takenPayload, unknown>>();
        return `${error.takenSender ?? "someone"} ${error.takenAt?.toISOString() ?? ""}`;
      case "invalid":
        return error.issues.map(({ path, message }) => `${path} ${message}`).join();
      case "too_late":
      case "run_ended":
      case "no_run":
      case "not_granted":
      case "unauthorized":
      case "unknown_channel":
      case "unknown_signal":
      case "unknown":
      case "unavailable":
        return error.code;
    }
  };
  void codes;
}

export function hook(): void {
  const { send: sendIt, ...run } = useRealtime({ channel: review, token });
  isTrue<Same<ReturnType<typeof sendIt>, Promise<SignalReceipt>>>();
  isTrue<Same<typeof run.result, { words: bigint } | undefined>>();
  isTrue<Same<typeof run.attempt, number | null>>();
  isTrue<Same<typeof run.runError, RunError | null>>();
  isTrue<Same<typeof run.haltReason, string | null>>();
  isTrue<Same<typeof run.waitingFor, readonly ("approve" | "budget")[]>>();
  isTrue<Same<typeof run.questionIds, { readonly approve?: string; readonly budget?: string }>>();
  // @ts-expect-error: no such signal
  void run.questionIds.nope;
  void sendIt(review.approve, { verdict: "approve" }, { questionId: run.questionIds.approve });
  void sendIt(review.approve, { verdict: "approve" });
  void sendIt(review.budget, "7", { runId: "run_42", abortSignal: AbortSignal.timeout(1000) });
  // @ts-expect-error: no such verdict
  void sendIt(review.approve, { verdict: "maybe" });
  // @ts-expect-error: another signal's payload
  void sendIt(review.approve, "7");
  // @ts-expect-error: a signal of another channel, although it has the same shape
  void sendIt(contract.approve, { verdict: "approve" });
  // @ts-expect-error: the hook has its token
  void sendIt(review.approve, { verdict: "approve" }, { token });
  // @ts-expect-error: a topic is not a signal
  void sendIt(review.tokens, "a");

  const raw = useRealtime({ channel: review, token, validate: false });
  isTrue<Same<typeof raw.result, { words: string } | undefined>>();
  const later = useRealtime({ channel: run.attempt === null ? undefined : review, token });
  void later.send(review.approve, { verdict: "approve" });
  // @ts-expect-error: a signal of another channel
  void later.send(contract.approve, { verdict: "approve" });

  const none = useRealtime({ channel: pipeline({ runId: "run_42" }), token });
  isTrue<Same<typeof none.result, unknown>>();
  isTrue<Same<typeof none.waitingFor, readonly string[]>>();
  // @ts-expect-error: this channel has no signals
  void none.send(review.approve, { verdict: "approve" });
  const named = useRealtime({ channel: "some:name", topics: ["any"], token });
  void named.send(review.approve, { verdict: "approve" }, { questionId: named.questionIds["approve"] });
  isTrue<Same<typeof named.waitingFor, readonly string[]>>();
  const others = useRealtime({ channel: { name: "a", topics: { b: { schema: z.number() } } }, token });
  isTrue<Same<typeof others.waitingFor, readonly string[]>>();
  // @ts-expect-error: no definition has signals
  void others.send(review.approve, { verdict: "approve" });
}

export async function runs(): Promise<void> {
  await subscribe({
    channel: review,
    token,
    onMessage: () => {},
    onRun: (update) => {
      isTrue<Same<typeof update, RunUpdate<typeof review>>>();
      isTrue<Same<typeof update.result, { words: bigint } | undefined>>();
      isTrue<Same<typeof update.channel, `pipeline:${string}`>>();
      isTrue<Same<typeof update.waitingFor, readonly ("approve" | "budget")[]>>();
    },
  });
  const anyRun: (update: RunUpdate) => void = ({ result, waitingFor }) => {
    isTrue<Same<typeof result, unknown>>();
    isTrue<Same<typeof waitingFor, readonly string[]>>();
  };
  await subscribe({ channel: review, token, onRun: anyRun, validate: false });
}

export async function stores(): Promise<void> {
  const store = new RealtimeStore({ channel: review, topics: ["tokens"] });
  isTrue<Same<Awaited<ReturnType<typeof store.send>>, SignalReceipt>>();
  await store.send(review.approve, { verdict: "reject" }, { runId: "run_42" });
  // @ts-expect-error: no such verdict
  await store.send(review.approve, { verdict: "maybe" });
}

export async function servers(): Promise<void> {
  const realtime = createRealtime({ apiBaseUrl: "http://localhost", signingKey: "key" });
  await realtime.send(review.approve, { verdict: "approve" }, { idempotencyKey: "webhook_7", questionId: "q1" });
  // @ts-expect-error: no such verdict
  await realtime.send(review.approve, { verdict: "maybe" });
  await realtime.token(review, { topics: ["tokens"], signals: ["approve", "budget"] });
  await realtime.token("some:name", { signals: ["any"] });
  // @ts-expect-error: a topic is not a signal
  await realtime.token(review, { signals: ["tokens"] });
  // @ts-expect-error: this channel has no signals
  await realtime.token(pipeline({ runId: "run_42" }), { signals: ["approve"] });
}
