import type { Message } from "fanfare";
import type { pipeline } from "../../../generated/typescript/pipeline.js";

/** Follows one run's messages and says what is missing or does not fit together. */
export class RunCheck {
  readonly problems: string[] = [];
  count = 0;
  #written = "";
  #nextToken = 0;
  #choices = 0;
  #progress = 0;
  #hasResult = false;

  take(message: Message<ReturnType<typeof pipeline>>): void {
    this.count += 1;
    switch (message.topic) {
      case "status":
        this.#expect(message.data.progress >= this.#progress, "the progress went back");
        this.#progress = message.data.progress;
        break;
      case "insights":
        this.#choices += message.data.kind === "choice" ? 1 : 0;
        break;
      case "tokens":
        this.#expect(message.data.index === this.#nextToken, `token ${this.#nextToken} is missing`);
        this.#nextToken = message.data.index + 1;
        this.#written += message.data.text;
        break;
      case "result":
        this.#expect(message.data.summary === this.#written, "the pieces do not make the summary");
        this.#expect(message.data.statistics.chosen === this.#choices, "a chosen sentence is missing");
        this.#expect(this.#progress === 100, "the result came before the run was complete");
        this.#hasResult = true;
        break;
    }
  }

  /** Everything that is wrong, once no more messages are expected. */
  verdict(): readonly string[] {
    return this.#hasResult ? this.problems : [...this.problems, "the result is missing"];
  }

  #expect(holds: boolean, problem: string): void {
    if (!holds) {
      this.problems.push(problem);
    }
  }
}
