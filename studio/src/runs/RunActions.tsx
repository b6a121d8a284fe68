import { type ReactNode, useState } from "react";
import type { Call, RunDetails } from "../api/types.js";
import { navigate } from "../route.js";
import { useSession } from "../session/session.js";
import { Dialog } from "../ui/Dialog.js";
import { Icon, type IconName } from "../ui/Icon.js";
import { ErrorNotice } from "../ui/Notice.js";
import { announce } from "../ui/Toasts.js";

interface RunActionsProps {
  readonly run: RunDetails;
  readonly calls: readonly Call[];
  readonly onChange: () => void;
}

/** The actions that a run's state allows. */
export function RunActions({ run, calls, onChange }: RunActionsProps) {
  const isEnded = run.state !== "running" && run.state !== "halted";
  const canWake = run.activity === "sleeping" || run.activity === "retrying";
  return (
    <div className="actions">
      {canWake && <WakeButton run={run} onChange={onChange} />}
      {(run.state === "failed" || run.state === "halted") && <RetryButton run={run} onChange={onChange} />}
      {calls.length > 0 && <RerunButton run={run} position="0" label={run.job} />}
      {!isEnded && <CancelButton run={run} onChange={onChange} />}
    </div>
  );
}

interface ActionProps {
  readonly run: RunDetails;
  readonly onChange: () => void;
}

function CancelButton({ run, onChange }: ActionProps) {
  const { api } = useSession();
  return (
    <Action
      label="Cancel"
      icon="stop"
      title={`Cancel ${run.run_id}?`}
      confirm="Cancel the run"
      isDangerous
      execute={async () => {
        const { outcome } = await api.post<{ outcome: string }>("admin/cancel", { run_id: run.run_id });
        announce(outcome === "cancelled" ? "The run is cancelled." : "The run had already ended.");
        onChange();
      }}
    >
      The job stops at its next <code>await</code>, and the run never continues. Its subscribers receive a run event. You
      cannot undo this; you can only start a rerun.
    </Action>
  );
}

function RetryButton({ run, onChange }: ActionProps) {
  const { api } = useSession();
  return (
    <Action
      label="Retry"
      icon="retry"
      title={`Retry ${run.run_id}?`}
      confirm="Retry the run"
      execute={async () => {
        const { outcome } = await api.post<{ outcome: string }>("admin/retry", { run_id: run.run_id });
        announce(outcome === "retried" ? "The run continues." : "The run had not failed, so it was left unchanged.");
        onChange();
      }}
    >
      The run continues where it stopped, under the same id. Recorded calls keep their results, and nothing is published
      twice. The call that failed is made again with fresh attempts.
    </Action>
  );
}

export function WakeButton({ run, call, onChange }: ActionProps & { readonly call?: Call }) {
  const { api } = useSession();
  return (
    <Action
      label={call === undefined ? "Wake" : "Wake this call"}
      icon="clock"
      title={call === undefined ? `Wake ${run.run_id}?` : `Wake “${call.id}”?`}
      confirm="Wake the run"
      execute={async () => {
        const parameters = { run_id: run.run_id, call: call?.call };
        const { woken } = await api.post<{ woken: number }>("admin/wake", parameters);
        announce(`${woken} ${woken === 1 ? "sleep or delay" : "sleeps and delays"} ended. The run continues.`);
        onChange();
      }}
    >
      {call === undefined
        ? "All sleeps of the run end now, and so do the delays before its next attempts. Questions stay open."
        : "This sleep, or the delay before the next attempt, ends now. Nothing else changes."}
    </Action>
  );
}

interface RerunButtonProps {
  readonly run: RunDetails;
  /** The position of the first call to make again, which must be one of the job itself. */
  readonly position: string;
  readonly label: string;
}

export function RerunButton({ run, position, label }: RerunButtonProps) {
  const { api } = useSession();
  const isFirst = position === "0";
  return (
    <Action
      label={isFirst ? "Run again" : "Run again from here"}
      icon="play"
      title={isFirst ? `Run ${run.job} again?` : `Run again from “${label}”?`}
      confirm="Start the rerun"
      execute={async () => {
        const parameters = { run_id: run.run_id, call: position };
        const { run_id } = await api.post<{ run_id: string }>("admin/rerun", parameters);
        announce(`The rerun ${run_id} has started.`);
        navigate(["runs", run_id]);
      }}
    >
      A new run of <code>{run.job}</code> starts on the channel <code>{run.channel}</code>, with the same input.{" "}
      {isFirst
        ? "It makes every call again: steps are executed, messages are published, and questions are asked."
        : `It takes over the results of the calls before ${position}. “${label}” and everything after it is
           made again: steps are executed, messages are published, and questions are asked.`}{" "}
      This run is left unchanged.
    </Action>
  );
}

interface ActionButtonProps {
  readonly label: string;
  readonly icon: IconName;
  readonly title: string;
  readonly confirm: string;
  readonly isDangerous?: boolean;
  readonly execute: () => Promise<void>;
  readonly children: ReactNode;
}

/** A button that explains what it does before it does it. */
function Action({ label, icon, title, confirm, isDangerous = false, execute, children }: ActionButtonProps) {
  const [isOpen, setIsOpen] = useState(false);
  const [isExecuting, setIsExecuting] = useState(false);
  const [error, setError] = useState<Error>();
  const run = async () => {
    setIsExecuting(true);
    setError(undefined);
    try {
      await execute();
      setIsOpen(false);
    } catch (failure) {
      setError(failure as Error);
    } finally {
      setIsExecuting(false);
    }
  };
  const close = () => {
    setIsOpen(false);
    setError(undefined);
  };
  return (
    <>
      <button type="button" className={`button ${isDangerous ? "danger" : ""}`} onClick={() => setIsOpen(true)}>
        <Icon name={icon} size={14} />
        {label}
      </button>
      {isOpen && (
        <Dialog title={title} onClose={close}>
          <p>{children}</p>
          <ErrorNotice error={error} />
          <footer>
            <button type="button" className="button" onClick={close}>
              Back
            </button>
            <button
              type="button"
              className={`button ${isDangerous ? "danger-solid" : "primary"}`}
              disabled={isExecuting}
              onClick={() => void run()}
            >
              {confirm}
            </button>
          </footer>
        </Dialog>
      )}
    </>
  );
}
