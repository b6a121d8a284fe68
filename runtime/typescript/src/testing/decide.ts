import type { Question, TestRun } from "./run.js";
import type { SentSignal, SignalRefusal, TestSignal } from "./signals.js";

/** The outcome of a signal: a run takes or keeps it, or it is refused. */
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
