import type { AwaitedSignal, ChannelInput, ChannelName, RunResult } from "../channel/channel.js";
import { envelope } from "../channel/message.js";
import type { RunFrame } from "../wire.js";

/** Where a run stands; `unknown` until the server or a message tells. */
export type RunStatus = "unknown" | "running" | "completed" | "failed" | "cancelled";

/** The id of the question that asks for each signal in `waitingFor`. */
export type RunQuestions<Channel extends ChannelInput = ChannelInput> = {
  readonly [Signal in AwaitedSignal<Channel>]?: string;
};

/** Why a run, or an attempt of it, failed. */
export interface RunError {
  readonly message: string;
}

/** News of a run on a channel. */
export interface RunUpdate<
  Channel extends ChannelInput = ChannelInput,
  Validate extends boolean = true,
> {
  readonly channel: ChannelName<Channel>;
  /** Opaque; news of runs have their place among the messages of the channel. */
  readonly id: string;
  readonly createdAt: Date;
  readonly runId?: string;
  /** Left out where the server tells one that this library does not know. */
  readonly status?: Exclude<RunStatus, "unknown">;
  /** Which attempt has begun, from 1 on. */
  readonly attempt?: number;
  /** Why the run failed, or why its last attempt did that is followed by this one. */
  readonly runError?: RunError;
  /** Why the run stands still until the server has other code. */
  readonly halted?: string;
  /**
   * The signals that the run waits for; the first of them to arrive is the answer. Empty if the
   * run waits for none.
   */
  readonly waitingFor: readonly AwaitedSignal<Channel>[];
  /** The question that asks for each signal in `waitingFor`: give it to `send` as `question`. */
  readonly questions: RunQuestions<Channel>;
  /** What the run returned; not there before it did, or where it breaks the definition. */
  readonly result?: RunResult<Channel, Validate>;
}

/** Whether a run has ended, however it did. */
export function isTerminal(status: RunStatus): boolean {
  return status === "completed" || status === "failed" || status === "cancelled";
}

const RUN_STATUSES: Readonly<Record<string, Exclude<RunStatus, "unknown">>> = {
  running: "running",
  in_progress: "running",
  completed: "completed",
  complete: "completed",
  succeeded: "completed",
  success: "completed",
  failed: "failed",
  error: "failed",
  cancelled: "cancelled",
  canceled: "cancelled",
};

/** Reads run news as liberally as Inngest's SDK does. */
export function parseRunUpdate(frame: RunFrame): RunUpdate {
  const data = Object(frame.data) as Readonly<Record<string, unknown>>;
  const status = runStatus(data["runStatus"]) ?? runStatus(data["status"]) ?? runStatus(data["state"]);
  const { attempt, halted } = data;
  const runError = runErrorOf(data["error"]);
  return {
    ...envelope(frame),
    ...(status === undefined ? {} : { status }),
    ...(typeof attempt === "number" ? { attempt } : {}),
    ...(runError === undefined ? {} : { runError }),
    ...(typeof halted === "string" ? { halted } : {}),
    ...(status === "running" ? waitOf(data) : NOT_WAITING),
    ...resultOf(data, status),
  };
}

type Wait = Pick<RunUpdate, "waitingFor" | "questions">;

const NOT_WAITING: Wait = Object.freeze({ waitingFor: Object.freeze([]), questions: Object.freeze({}) });

function waitOf({ waitingFor, questions }: Readonly<Record<string, unknown>>): Wait {
  if (!Array.isArray(waitingFor)) {
    return NOT_WAITING;
  }
  const names: string[] = waitingFor.filter((name) => typeof name === "string");
  const ids = Object(questions) as Readonly<Record<string, unknown>>;
  const asked = names.map((name) => [name, ids[name]] as const).filter(([, id]) => typeof id === "string");
  return { waitingFor: names, questions: Object.fromEntries(asked) as Wait["questions"] };
}

function resultOf(data: Readonly<Record<string, unknown>>, status: RunStatus | undefined): { result?: unknown } {
  if (Object.hasOwn(data, "result")) {
    return { result: data["result"] };
  }
  return status === "completed" && Object.hasOwn(data, "output") ? { result: data["output"] } : {};
}

function runErrorOf(error: unknown): RunError | undefined {
  const { message = error } = Object(error) as { readonly message?: unknown };
  return typeof message === "string" ? { message } : undefined;
}

function runStatus(value: unknown): Exclude<RunStatus, "unknown"> | undefined {
  const name = typeof value === "string" ? value.toLowerCase() : "";
  return Object.hasOwn(RUN_STATUSES, name) ? RUN_STATUSES[name] : undefined;
}
