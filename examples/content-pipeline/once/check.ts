import type { Message, RunUpdate } from "fanfare";
import type { pipeline } from "../../../generated/typescript/pipeline.js";
import type { PipelineSummary, PipelineStatus } from "../../../generated/typescript/pipeline.types.js";

type Pipeline = ReturnType<typeof pipeline>;

/** Checks that the messages of one run are complete and consistent. */
export class RunCheck {
  readonly problems: string[] = [];
  count = 0;
  #statuses: PipelineStatus[] = [];
  #choices = 0;
  #draft: string | undefined;
  #summary: PipelineSummary | undefined;
  #isCompleted = false;
  /** The name of the person who approves the draft. */
  readonly #visitor: string;

  constructor(visitor: string) {
    this.#visitor = visitor;
  }

  take(message: Message<Pipeline>): void {
    this.count += 1;
    switch (message.topic) {
      case "status":
        this.#expect(message.data.progress >= this.#progress, "the progress decreased");
        this.#statuses.push(message.data);
        break;
      case "insights":
        this.#choices += message.data.kind === "choice" ? 1 : 0;
        break;
      case "summary":
        this.#expect(message.data.summary === this.#draft, "the published summary differs from the approved draft");
        this.#expect(message.data.statistics.chosen === this.#choices, "a chosen sentence is missing");
        this.#expect(this.#progress === 100, "the summary arrived before the run was complete");
        this.#summary = message.data;
        break;
    }
  }

  /** Checks the complete text of the draft. */
  drafted(draft: string): void {
    this.#expect(this.#draft === undefined, "received a second draft");
    this.#draft = draft;
  }

  ran({ status, runError, result }: RunUpdate<Pipeline>): void {
    this.#expect(runError === undefined, `the run failed: ${runError?.message}`);
    if (status === "completed") {
      this.#isCompleted = true;
      this.#expect(result?.summary === this.#summary?.summary, "the returned summary differs from the published one");
    }
  }

  /** Returns all problems. Call this after the last message. */
  verdict(): readonly string[] {
    this.#expect(this.#isCompleted, "the run did not complete");
    this.#expect(this.#summary !== undefined, "the summary is missing");
    const approvals = this.#statuses.filter(({ message }) => message === `${this.#visitor} approved the draft`);
    this.#expect(approvals.length === 1, `expected one approval, got ${approvals.length}`);
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
