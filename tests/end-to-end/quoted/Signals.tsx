import type { TokenInput } from "fanfare";
import { useRealtime } from "fanfare/react";
import { pipeline } from "./generated/typescript/index.js";

interface Props {
  readonly runId: string;
  readonly token: TokenInput;
  readonly show: (error: unknown) => void;
}

export function RunStatus({ runId, token }: Props) {
  const channel = pipeline({ runId });
  const { runStatus, result, attempt, runError, haltReason, waitingFor, questionIds } = useRealtime({ channel, token });
  return (
    <p>
      {runStatus} {attempt} {result?.summary} {runError?.message} {haltReason} {waitingFor} {questionIds.approve}
    </p>
  );
}

export function Approve({ runId, token, show }: Props) {
  const channel = pipeline({ runId });
  const { send } = useRealtime({ channel, token });
  <button onClick={() => send(channel.approve, { verdict: "approve" }).catch(show)}>Approve</button>
}

export function ApproveQuestion({ runId, token, show }: Props) {
  const channel = pipeline({ runId });
  const { send, waitingFor, questionIds } = useRealtime({ channel, token });
  const approve = () => send(channel.approve, { verdict: "approve" }, { questionId: questionIds.approve }).catch(show);
  return waitingFor.includes("approve") && <button onClick={approve}>Approve</button>;
}

export function Session({ runId }: Props) {
  const { messages } = useRealtime({ channel: pipeline({ runId }), token: "session" });
  return messages.last?.id;
}
