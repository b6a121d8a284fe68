import type { SignalErrorCode } from "../errors.js";
import type { Question, TestRun } from "./run.js";

/** A signal that the hub received. */
export interface TestSignal<Payload = unknown> {
  readonly channel: string;
  readonly signal: string;
  /** The payload, in its wire form. */
  readonly payload: Payload;
  /** The run that took it; undefined if it was refused. */
  readonly runId: string | undefined;
  /** The question that the sender wanted to answer, if the sender named one. */
  readonly questionId: string | undefined;
  readonly receivedAt: Date;
  /** `accepted`, `kept`, or the code of the refusal. */
  readonly status: "accepted" | "kept" | SignalErrorCode;
}

/** A refusal of a signal. */
export interface SignalRefusal {
  readonly code: SignalErrorCode;
  readonly message: string;
  /** With `already_taken`: the signal that is the answer. */
  readonly taken?: { readonly signal?: string; readonly payload?: unknown; readonly sender?: string; readonly at?: Date };
}

/** A signal as it was sent. */
export interface SentSignal {
  readonly channel: string;
  readonly signal: string;
  readonly payload: unknown;
  readonly runId: string | undefined;
  readonly questionId: string | undefined;
}

/** What happens to a signal: a run takes or keeps it, or it is refused. */
export type Verdict = { readonly run: TestRun<any>; readonly question: Question | undefined } | SignalRefusal;

/** Decides like a server which run takes a signal. */
export function decide({ channel, signal, runId, questionId }: SentSignal, all: readonly TestRun<any>[]): Verdict {
  const runs = all.filter((run) => run.isStarted && (runId === undefined || run.id === runId));
  if (runs.length === 0) {
    return {
      code: "no_run",
      message: `there is no run on the channel "${channel}"; a test starts one with \`hub.run(channel).start()\``,
    };
  }
  if (questionId !== undefined) {
    return decideFor(questionId, signal, runs);
  }
  const waiting = runs.find(({ openQuestion }) => openQuestion?.signals.includes(signal));
  if (waiting !== undefined) {
    return { run: waiting, question: waiting.openQuestion };
  }
  const run = runs.find(({ isEnded }) => !isEnded);
  if (run === undefined) {
    return taken(runs.flatMap(({ questions }) => questions), signal) ?? { code: "run_ended", message: "the run has ended" };
  }
  const kept = run.kept.find((other) => other.signal === signal);
  return kept === undefined ? { run, question: undefined } : takenBy(kept);
}

function decideFor(questionId: string, signal: string, runs: readonly TestRun<any>[]): Verdict {
  for (const run of runs) {
    const question = run.questions.find(({ id, signals }) => id === questionId && signals.includes(signal));
    if (question?.answer !== undefined) {
      return takenBy(question.answer);
    }
    if (question !== undefined && run.isEnded) {
      return { code: "run_ended", message: "the run has ended" };
    }
    if (question !== undefined) {
      return question === run.openQuestion ? { run, question } : { code: "too_late", message: "the question was closed without an answer" };
    }
  }
  return { code: "too_late", message: "there is no such question" };
}

/** Returns the refusal of a signal whose last question has an answer. */
function taken(questions: readonly Question[], signal: string): SignalRefusal | undefined {
  const answer = questions.findLast(({ signals }) => signals.includes(signal))?.answer;
  return answer && takenBy(answer);
}

function takenBy({ signal, payload, receivedAt }: TestSignal): SignalRefusal {
  return { code: "already_taken", message: "the question has an answer", taken: { signal, payload, at: receivedAt } };
}

/** The HTTP statuses of refusals. */
const STATUS: Readonly<Record<SignalErrorCode, number>> = {
  already_taken: 409,
  too_late: 409,
  run_ended: 409,
  no_run: 404,
  unknown_channel: 404,
  unknown_signal: 404,
  unknown: 404,
  not_granted: 403,
  unauthorized: 401,
  invalid: 422,
  unavailable: 503,
};

/** Returns the status and the body of the response to a signal that was refused. */
export function refusalBody({ code, message, taken = {} }: SignalRefusal): { readonly status: number; readonly body: unknown } {
  const { signal, payload, sender, at } = taken;
  const status = STATUS[code];
  return { status, body: { error: message, status, data: { code, signal, payload, by: sender, at: at?.toISOString() } } };
}
