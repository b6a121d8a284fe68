import type { Call, RunDetails } from "../api/types.js";
import { hrefOf } from "../route.js";
import { Fact } from "../ui/Fact.js";
import { Json } from "../ui/Json.js";
import { formatDuration, formatTime, serverNow } from "../ui/time.js";
import { RerunButton, WakeButton } from "./RunActions.js";
import type { Span } from "./timeline.js";

const STATES: Readonly<Record<Call["state"], string>> = {
  begun: "Not finished",
  succeeded: "Succeeded",
  failed: "Failed",
};

interface CallDetailsProps {
  readonly run: RunDetails;
  readonly call: Call;
  readonly onChange: () => void;
}

/** Everything that is recorded of a call. */
export function CallDetails({ run, call, onChange }: CallDetailsProps) {
  const { question } = call;
  const duration = call.began_at !== undefined && call.ended_at !== undefined ? Date.parse(call.ended_at) - Date.parse(call.began_at) : undefined;
  const canWake = run.state === "running" && (isInFuture(call.until) || isInFuture(call.retry_at));
  return (
    <section className="call" aria-label={`Call ${call.call}`}>
      <header>
        <h2>{call.id}</h2>
        <div className="actions">
          {canWake && <WakeButton run={run} call={call} onChange={onChange} />}
          {!call.call.includes("/") && <RerunButton run={run} position={call.call} label={call.id} />}
        </div>
      </header>
      <dl className="facts">
        <Fact name="Kind">{call.kind}</Fact>
        <Fact name="Position">{call.call}</Fact>
        <Fact name="State">{call.kind === "sleep" && isInFuture(call.until) ? "Sleeping" : STATES[call.state]}</Fact>
        {call.attempts !== undefined && <Fact name="Finished attempts">{call.attempts}</Fact>}
        {call.began_at !== undefined && <Fact name="Began">{formatTime(call.began_at)}</Fact>}
        {call.ended_at !== undefined && <Fact name="Recorded">{formatTime(call.ended_at)}</Fact>}
        {duration !== undefined && call.kind !== "sleep" && <Fact name="Duration">{formatDuration(duration)}</Fact>}
        {call.retry_at !== undefined && <Fact name="Next attempt">{formatTime(call.retry_at)}</Fact>}
        {call.until !== undefined && <Fact name="Sleeps until">{formatTime(call.until)}</Fact>}
        {call.winner !== undefined && <Fact name="Decided by">branch {call.winner}</Fact>}
        {call.message_id !== undefined && (
          <Fact name="Message">
            <a className="mono" href={hrefOf(["messages", run.channel], { message: call.message_id })}>
              {call.message_id}
            </a>
          </Fact>
        )}
        {question !== undefined && <Fact name="Asked">{formatTime(question.asked_at)}</Fact>}
        {question?.closes_at !== undefined && <Fact name="Closes">{formatTime(question.closes_at)}</Fact>}
        {question?.answer?.sender !== undefined && <Fact name="Answered by">{question.answer.sender}</Fact>}
        {question?.answer !== undefined && <Fact name="Answered">{formatTime(question.answer.received_at)}</Fact>}
      </dl>
      {call.error !== undefined && (
        <>
          <h3>Error</h3>
          <pre className="error-text">{call.error}</pre>
        </>
      )}
      {question?.answer !== undefined && (
        <>
          <h3>Answer: {question.answer.signal}</h3>
          <Json value={question.answer.payload} label="Answer" />
        </>
      )}
      {"value" in call && (
        <>
          <h3>{call.kind === "stream" ? "Text" : "Result"}</h3>
          {typeof call.value === "string" && call.kind === "stream" ? (
            <p className="text-block">{call.value}</p>
          ) : (
            <Json value={call.value} label="Result" />
          )}
        </>
      )}
    </section>
  );
}

/** A fork of branches that recorded no call of its own. */
export function ForkDetails({ run, fork }: { readonly run: RunDetails; readonly fork: Span }) {
  return (
    <section className="call" aria-label={`Call ${fork.position}`}>
      <header>
        <h2>{fork.label}</h2>
        <div className="actions">
          {fork.depth === 0 && <RerunButton run={run} position={fork.position} label={fork.label} />}
        </div>
      </header>
      <dl className="facts">
        <Fact name="Position">{fork.position}</Fact>
        <Fact name="Began">{formatTime(fork.start)}</Fact>
        <Fact name="Duration">{formatDuration(fork.end - fork.start)}</Fact>
      </dl>
      <p className="quiet">The branches of a join or map. The journal has an entry for the fork itself only if a branch fails.</p>
    </section>
  );
}

function isInFuture(time: string | undefined): boolean {
  return time !== undefined && Date.parse(time) > serverNow();
}
