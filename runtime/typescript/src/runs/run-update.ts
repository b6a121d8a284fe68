import type { AwaitedSignal, ChannelInput, ChannelName, RunResult } from "../channel/channel.js";
import { envelopeOf } from "../channel/message.js";
import type { RunFrame } from "../wire.js";

/**
 * The status of a run. A run that waits for a signal or is halted is `running`: see `waitingFor` and
 * `haltReason`. As in Inngest's hook, it is `unknown` until the connection opens and then `running` until
 * the server reports another status, even on a channel without runs.
 */
export type RunStatus = "unknown" | "running" | "completed" | "failed" | "cancelled";

/** For each signal in `waitingFor`, the id of the question that asks for it. */
export type QuestionIds<Channel extends ChannelInput = ChannelInput> = {
  readonly [Signal in AwaitedSignal<Channel>]?: string;
};

/** Why a run, or an attempt of it, failed. */
export interface RunError {
  readonly message: string;
}

/** A run event. Optional members are absent if the event does not have them. */
export interface RunUpdate<
  Channel extends ChannelInput = ChannelInput,
  Validate extends boolean = true,
> {
  readonly channel: ChannelName<Channel>;
  /** Opaque. Run events and messages of a channel have one order. */
  readonly id: string;
  readonly createdAt: Date;
  readonly runId?: string;
  /** Absent if the server sent a status that this library does not know. */
  readonly status?: Exclude<RunStatus, "unknown">;
  /**
   * The latest reported attempt, from 1: of the job, or of the step that is being retried. After a failure,
   * the attempt may still wait for its backoff.
   */
  readonly attempt?: number;
  /** Why the run failed, or why the attempt before this one did. */
  readonly runError?: RunError;
  /** Why the run is halted, usually because its code no longer matches its journal. */
  readonly haltReason?: string;
  /**
   * The signals that the run waits for; the first of them to arrive is the answer. Empty if the run
   * waits for none.
   */
  readonly waitingFor: readonly AwaitedSignal<Channel>[];
  /** For each signal in `waitingFor`, the id of the question that asks for it: the `questionId` of `send`. */
  readonly questionIds: QuestionIds<Channel>;
  /** The return value of the run. Absent until the run completes, and if it does not match the definition. */
  readonly result?: RunResult<Channel, Validate>;
}

/** Returns `true` if a run with this status has ended. */
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

/** Parses a run event as liberally as Inngest's SDK does. */
export function parseRunUpdate(frame: RunFrame): RunUpdate {
  const data = Object(frame.data) as Readonly<Record<string, unknown>>;
  const status = parseRunStatus(data["runStatus"]) ?? parseRunStatus(data["status"]) ?? parseRunStatus(data["state"]);
  const { attempt, halted: haltReason } = data;
  const runError = parseRunError(data["error"]);
  return {
    ...envelopeOf(frame),
    ...(status === undefined ? {} : { status }),
    ...(typeof attempt === "number" ? { attempt } : {}),
    ...(runError === undefined ? {} : { runError }),
    ...(typeof haltReason === "string" ? { haltReason } : {}),
    ...(status === "running" ? parseWait(data) : NOT_WAITING),
    ...parseResult(data, status),
  };
}

type Wait = Pick<RunUpdate, "waitingFor" | "questionIds">;

const NOT_WAITING: Wait = Object.freeze({ waitingFor: Object.freeze([]), questionIds: Object.freeze({}) });

function parseWait({ waitingFor, questions }: Readonly<Record<string, unknown>>): Wait {
  if (!Array.isArray(waitingFor)) {
    return NOT_WAITING;
  }
  const names: string[] = waitingFor.filter((name) => typeof name === "string");
  const ids = Object(questions) as Readonly<Record<string, unknown>>;
  const asked = names.map((name) => [name, ids[name]] as const).filter(([, id]) => typeof id === "string");
  return { waitingFor: names, questionIds: Object.fromEntries(asked) as Wait["questionIds"] };
}

function parseResult(data: Readonly<Record<string, unknown>>, status: RunStatus | undefined): { result?: unknown } {
  if (Object.hasOwn(data, "result")) {
    return { result: data["result"] };
  }
  return status === "completed" && Object.hasOwn(data, "output") ? { result: data["output"] } : {};
}

function parseRunError(error: unknown): RunError | undefined {
  const { message = error } = Object(error) as { readonly message?: unknown };
  return typeof message === "string" ? { message } : undefined;
}

function parseRunStatus(value: unknown): Exclude<RunStatus, "unknown"> | undefined {
  const name = typeof value === "string" ? value.toLowerCase() : "";
  return Object.hasOwn(RUN_STATUSES, name) ? RUN_STATUSES[name] : undefined;
}
