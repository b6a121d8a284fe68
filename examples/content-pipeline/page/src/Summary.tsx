import type { MessageView } from "fanfare";
import type { pipeline } from "../../../../generated/typescript/pipeline.js";
import type { PipelineRunResult } from "../../../../generated/typescript/pipeline.types.js";

interface SummaryProps {
  /** The latest stream of the draft. */
  readonly draft: MessageView<ReturnType<typeof pipeline>, "draft"> | undefined;
  readonly result: PipelineRunResult | undefined;
}

/** The draft while it is written, and then the published summary. */
export function Summary({ draft, result }: SummaryProps) {
  const text = result?.summary ?? draft?.data ?? "";
  if (text === "") {
    return null;
  }
  return (
    <section className="summary" aria-label="Summary">
      {result !== undefined && result.title !== null && <h2>{result.title}</h2>}
      <p data-draft={result === undefined ? draft?.status : "published"}>{text}</p>
    </section>
  );
}
