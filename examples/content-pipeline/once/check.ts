import type { Message, RunUpdate } from "fanfare";
import type { pipeline } from "../../../generated/typescript/pipeline.js";
import type { PipelineSummary, PipelineStatus } from "../../../generated/typescript/pipeline.types.js";

type Pipeline = ReturnType<typeof pipeline>;

/** Follows one run's messages and says what is missing or does not fit together. */
export class RunCheck {
  readonly problems: string[] = [];
  count = 0;
  #statuses: PipelineStatus[] = [];
  #choices = 0;
  #draft: string | undefined;
  #summary: PipelineSummary | undefined;
  #isCompleted = false;
  /** Who approves. */
  readonly #visitor: string;

  constructor(visitor: string) {
    this.#visitor = visitor;
  }

  take(message: Message<Pipeline>): void {
    this.count += 1;
    switch (message.topic) {
      case "status":
        this.#expect(message.data.progress >= this.#progress, "the progress went back");
        this.#statuses.push(message.data);
        break;
      case "insights":
        this.#choices += message.data.kind === "choice" ? 1 : 0;
        break;
      case "summary":
        this.#expect(message.data.summary === this.#draft, "what was approved is not what is published");
        this.#expect(message.data.statistics.chosen === this.#choices, "a chosen sentence is missing");
        this.#expect(this.#progress === 100, "the summary came before the run was complete");
        this.#summary = message.data;
        break;
    }
  }

  /** The text of the draft, read to its end. */
  drafted(draft: string): void {
    this.#expect(this.#draft === undefined, "there is a second draft");
    this.#draft = draft;
  }

  ran({ status, runError, result }: RunUpdate<Pipeline>): void {
    this.#expect(runError === undefined, `the run failed: ${runError?.message}`);
    if (status === "completed") {
      this.#isCompleted = true;
      this.#expect(result?.summary === this.#summary?.summary, "the run returned another summary than it published");
    }
  }

  /** Everything that is wrong, once no more messages are expected. */
  verdict(): readonly string[] {
    this.#expect(this.#isCompleted, "the run is not completed");
    this.#expect(this.#summary !== undefined, "the summary is missing");
    const approvals = this.#statuses.filter(({ message }) => message === `${this.#visitor} approved the draft`);
    this.#expect(approvals.length === 1, `the approval counted ${approvals.length} times`);
    return this.problems;
  }

  get #progress(): number {
    return this.#statuses.at(-1)?.progress ?? 0;
  }

  #expect(holds: boolean, problem: string): void {
    if (!holds) {
      this.problems.push(problem);
    }
  }
}
