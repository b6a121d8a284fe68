import { SignalError } from "fanfare";
import { useState } from "react";
import type { PipelineApprove } from "../../../../generated/typescript/pipeline.types.js";
import { visitor } from "./visitor.js";

interface ApprovalProps {
  /** Whether the run waits for a verdict. */
  readonly isAsked: boolean;
  readonly draft: string;
  readonly onVerdict: (verdict: PipelineApprove) => Promise<unknown>;
}

/** Asks for a verdict on the draft, and shows whether it was recorded. */
export function Approval({ isAsked, draft, onVerdict }: ApprovalProps) {
  const [edited, setEdited] = useState<string>();
  const [isSending, setIsSending] = useState(false);
  const [isRecorded, setIsRecorded] = useState(false);
  const [note, setNote] = useState<string>();

  const answer = async (verdict: PipelineApprove) => {
    setIsSending(true);
    try {
      await onVerdict(verdict);
      setIsRecorded(true);
      setNote((note) => note ?? "Your verdict is recorded.");
    } catch (error) {
      setNote(kindly(error));
    }
    setIsSending(false);
  };

  return (
    <>
      {isAsked && !isRecorded && (
        <section className="approval" aria-label="Approval">
          {edited === undefined ? (
            <>
              <p>
                <span className="waiting">{isSending ? "Sending your verdict" : `Waiting for you, ${visitor}`}</span>
                Publish this summary?
              </p>
              <div className="verdicts">
                <button onClick={() => void answer({ verdict: "approve" })}>Approve</button>
                <button className="quiet" onClick={() => setEdited(draft)}>
                  Edit
                </button>
                <button className="quiet bad" onClick={() => void answer({ verdict: "reject" })}>
                  Reject
                </button>
              </div>
            </>
          ) : (
            <>
              <label htmlFor="edited">The summary in your words</label>
              <textarea id="edited" rows={6} value={edited} onChange={(event) => setEdited(event.target.value)} />
              <div className="verdicts">
                <button disabled={edited.trim() === ""} onClick={() => void answer({ verdict: "edit", text: edited })}>
                  Publish this
                </button>
                <button className="quiet" onClick={() => setEdited(undefined)}>
                  Back
                </button>
              </div>
            </>
          )}
        </section>
      )}
      {note !== undefined && (
        <p className="note" role="alert">
          {note}
        </p>
      )}
    </>
  );
}

/** Explains to a person why the verdict was refused. */
function kindly(error: unknown): string {
  if (!(error instanceof SignalError)) {
    return String(error);
  }
  switch (error.code) {
    case "already_taken":
      return error.takenSender === visitor
        ? "You have given your verdict already; the first one counts."
        : `${error.takenSender ?? "Somebody"} was first, at ${error.takenAt?.toLocaleTimeString() ?? "an earlier time"}. Thank you anyway.`;
    case "too_late":
    case "run_ended":
      return "The run has ended with another verdict. Thank you anyway.";
    default:
      return `Your verdict was not recorded: ${error.message}`;
  }
}
