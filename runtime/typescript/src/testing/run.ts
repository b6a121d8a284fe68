import type { ChannelInput, RunResult, SignalPayload, SignalReference } from "../channel/channel.js";
import type { StandardSchema } from "../validate/standard-schema.js";
import { messageOf } from "../util/message-of.js";
import { checkPayload } from "./check.js";
import type { TestSignal } from "./signals.js";

/** A question that a run has asked. */
export interface Question {
  readonly id: string;
  readonly signals: readonly string[];
  answer?: TestSignal;
  readonly onAnswer: (signal: TestSignal) => void;
}

/** A signal of a channel, for {@link TestRun.waitFor}. */
type AnySignal = SignalReference<StandardSchema<any, any>>;

/** The parts of a hub that a run needs. */
export interface RunHost {
  /** Publishes a run event. */
  publish(data: unknown, runId: string): void;
}

/** A run whose progress a test decides. Each call publishes a run event, as a server does. */
export class TestRun<Channel extends ChannelInput = ChannelInput> {
  /** The questions so far. The last one may be open. */
  readonly questions: Question[] = [];
  /** The signals that were kept for later questions. */
  readonly kept: TestSignal[] = [];
  #attempt = 1;
  #isStarted = false;
  #isEnded = false;

  constructor(
    readonly channel: Channel,
    readonly id: string,
    readonly host: RunHost,
  ) {}

  get isStarted(): boolean {
    return this.#isStarted;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** The question that has no answer yet. */
  get openQuestion(): Question | undefined {
    const last = this.questions.at(-1);
    return last?.answer === undefined && !this.#isEnded ? last : undefined;
  }

  /** The run begins. */
  start(): this {
    return this.#publish({ status: "running", attempt: this.#attempt });
  }

  /** An attempt failed, and the next one begins. */
  retry(error: string | Error): this {
    this.#attempt += 1;
    return this.#publish({ status: "running", attempt: this.#attempt, error: { message: messageOf(error) } });
  }

  /**
   * The run waits for one of these signals. Resolves to the first that arrives; the run then no longer waits. A
   * signal that was kept is the answer at once.
   */
  waitFor<const Signals extends readonly [AnySignal, ...AnySignal[]]>(
    ...signals: Signals
  ): Promise<TestSignal<SignalPayloads<Signals>>> {
    const names = signals.map(({ signal }) => signal);
    const kept = this.kept.findIndex(({ signal }) => names.includes(signal));
    return new Promise<TestSignal<any>>((resolve) => {
      const question: Question = { id: `${this.id}.q${this.questions.length + 1}`, signals: names, onAnswer: resolve };
      this.questions.push(question);
      const [answer] = kept === -1 ? [] : this.kept.splice(kept, 1);
      if (answer !== undefined) {
        return this.take(question, answer);
      }
      const questions = Object.fromEntries(names.map((name) => [name, question.id]));
      this.#publish({ status: "running", attempt: this.#attempt, waitingFor: names, questions });
    });
  }

  /** Answers a question. The hub calls this when a signal arrives. */
  take(question: Question, answer: TestSignal): void {
    question.answer = answer;
    this.#publish({ status: "running", attempt: this.#attempt });
    question.onAnswer(answer);
  }

  /** The run cannot continue until a server with matching code starts. */
  halt(reason: string): this {
    return this.#publish({ status: "running", attempt: this.#attempt, halted: reason });
  }

  /** The run returns. The result is in its wire form, and is validated. */
  complete(...[result]: undefined extends RunResult<Channel, false> ? [result?: RunResult<Channel, false>] : [result: RunResult<Channel, false>]): this {
    const { $result: schema } = this.channel as { readonly $result?: StandardSchema };
    const target = `the result of runs on the channel "${nameOf(this.channel)}"`;
    const data = schema === undefined && result === undefined ? null : checkPayload(schema, result, target);
    return this.#end({ status: "completed", result: data });
  }

  /** The run fails for good. */
  fail(error: string | Error): this {
    return this.#end({ status: "failed", error: { message: messageOf(error) } });
  }

  cancel(): this {
    return this.#end({ status: "cancelled" });
  }

  #end(data: unknown): this {
    this.#publish(data);
    this.#isEnded = true;
    return this;
  }

  #publish(data: unknown): this {
    if (this.#isEnded) {
      throw new Error(`The run "${this.id}" has ended; start another one with \`hub.run(channel)\``);
    }
    this.#isStarted = true;
    this.host.publish(data, this.id);
    return this;
  }
}

type SignalPayloads<Signals extends readonly AnySignal[]> = {
  [Index in keyof Signals]: Signals[Index] extends { readonly schema: infer Schema; readonly signal: infer Name extends string }
    ? SignalPayload<{ name: string; topics: {}; $signals: Readonly<Record<Name, { schema: Schema }>> }, Name>
    : never;
}[number];

export function nameOf(channel: ChannelInput): string {
  return typeof channel === "string" ? channel : channel.name;
}
