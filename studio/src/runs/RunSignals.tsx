import type { ReceivedSignal } from "../api/types.js";
import { Json } from "../ui/Json.js";
import { Empty } from "../ui/Notice.js";
import { formatTime } from "../ui/time.js";

const SIGNAL_STATUS: Readonly<Record<ReceivedSignal["status"], string>> = {
  kept: "Kept until the run asks for it",
  answer: "The answer; the run has not taken it yet",
  taken: "Taken by the run",
  dropped: "Dropped",
};

/** The signals that a run received, the oldest first. */
export function RunSignals({ signals }: { readonly signals: readonly ReceivedSignal[] }) {
  if (signals.length === 0) {
    return <Empty title="This run has received no signals" />;
  }
  return (
    <ol className="signals">
      {signals.map((signal) => (
        <li key={signal.received_at + signal.name}>
          <div>
            <strong>{signal.name}</strong> <span className="quiet">{formatTime(signal.received_at)}</span>
            {signal.sender !== undefined && <span className="quiet"> from {signal.sender}</span>}
          </div>
          <div className="quiet">{SIGNAL_STATUS[signal.status] ?? signal.status}</div>
          <Json value={signal.payload} label={`Payload of ${signal.name}`} />
        </li>
      ))}
    </ol>
  );
}
