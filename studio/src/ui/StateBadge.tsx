import type { RunInfo } from "../api/types.js";
import { Icon, type IconName } from "./Icon.js";

const STATES: Readonly<Record<string, { readonly label: string; readonly icon: IconName }>> = {
  executing: { label: "Executing", icon: "bolt" },
  due: { label: "Due", icon: "play" },
  waiting: { label: "Waiting", icon: "hand" },
  retrying: { label: "Retrying", icon: "retry" },
  sleeping: { label: "Sleeping", icon: "moon" },
  running: { label: "Running", icon: "play" },
  halted: { label: "Halted", icon: "warning" },
  completed: { label: "Completed", icon: "check" },
  failed: { label: "Failed", icon: "cross" },
  cancelled: { label: "Cancelled", icon: "stop" },
};

/** A run's state, or what a running run does. */
export function StateBadge({ run }: { readonly run: Pick<RunInfo, "state" | "activity"> }) {
  return <Badge name={run.activity ?? run.state} />;
}

export function Badge({ name }: { readonly name: string }) {
  const { label, icon } = STATES[name] ?? { label: name, icon: "clock" as const };
  return (
    <span className="badge" data-state={name}>
      <Icon name={icon} size={12} />
      {label}
    </span>
  );
}

export function labelOf(state: string): string {
  return STATES[state]?.label ?? state;
}
