import { type KeyboardEvent, useEffect, useId, useState } from "react";
import type { ChannelInfo, Page, RunDetails } from "../api/types.js";
import { navigate } from "../route.js";
import { useSession } from "../session/session.js";
import { VIEWS } from "../session/views.js";
import { Dialog } from "../ui/Dialog.js";
import { setTheme, THEMES } from "../ui/theme.js";

interface Command {
  readonly label: string;
  readonly hint: string;
  readonly run: () => void;
}

/** Finds views, commands, definitions, channels and runs. */
export function Palette({ onClose, onSignOut }: { readonly onClose: () => void; readonly onSignOut: () => void }) {
  const [text, setText] = useState("");
  const [selected, setSelected] = useState(0);
  const found = useFound(text.trim());
  const fixed = useCommands(onSignOut);
  const commands = [...fixed.filter(({ label }) => matches(label, text)), ...found].slice(0, 30);
  const current = commands[Math.min(selected, commands.length - 1)];
  const id = useId();

  const execute = (command: Command | undefined) => {
    if (command === undefined) return;
    onClose();
    command.run();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const at = current === undefined ? 0 : commands.indexOf(current);
    if (event.key === "ArrowDown") setSelected(Math.min(commands.length - 1, at + 1));
    else if (event.key === "ArrowUp") setSelected(Math.max(0, at - 1));
    else if (event.key === "Enter") execute(current);
    else return;
    event.preventDefault();
  };

  return (
    <Dialog title="Commands" className="palette" onClose={onClose}>
      <input
        type="search"
        role="combobox"
        aria-label="Search commands, runs and channels"
        aria-expanded="true"
        aria-controls={`${id}-list`}
        aria-activedescendant={current === undefined ? undefined : `${id}-${commands.indexOf(current)}`}
        placeholder="Search, or enter a run's id or a channel's name"
        autoFocus
        value={text}
        onKeyDown={onKeyDown}
        onChange={(event) => {
          setText(event.target.value);
          setSelected(0);
        }}
      />
      <ul role="listbox" id={`${id}-list`} aria-label="Results">
        {commands.map((command, index) => (
          <li
            key={command.label + command.hint}
            id={`${id}-${index}`}
            role="option"
            aria-selected={command === current}
            onClick={() => execute(command)}
            onMouseMove={() => setSelected(index)}
          >
            {command.label}
            <span className="quiet">{command.hint}</span>
          </li>
        ))}
      </ul>
      {commands.length === 0 && <p className="quiet">Nothing matches.</p>}
    </Dialog>
  );
}

function matches(label: string, text: string): boolean {
  const lower = label.toLowerCase();
  return text.toLowerCase().split(/\s+/).every((word) => lower.includes(word));
}

function useCommands(onSignOut: () => void): readonly Command[] {
  const { definitions, server } = useSession();
  return [
    ...VIEWS.map(({ path, label }) => ({ label, hint: "View", run: () => navigate([path]) })),
    ...["running", "failed", "halted"].map((state) => ({
      label: `${state[0]!.toUpperCase()}${state.slice(1)} runs`,
      hint: "Filter",
      run: () => navigate(["runs"], { state }),
    })),
    ...server.jobs.map((job) => ({ label: `Runs of ${job}`, hint: "Job", run: () => navigate(["runs"], { job }) })),
    ...definitions.map(({ name, address }) => ({
      label: `Channel ${name}`,
      hint: address,
      run: () => navigate(["channels"], { definition: name }),
    })),
    ...THEMES.map((theme) => ({ label: `Theme: ${theme}`, hint: "Appearance", run: () => setTheme(theme) })),
    { label: "Sign out", hint: "Session", run: onSignOut },
  ];
}

/** Returns the run with an id, and the channels whose names start with a text. */
function useFound(text: string): readonly Command[] {
  const { api } = useSession();
  const [found, setFound] = useState<readonly Command[]>([]);
  useEffect(() => {
    setFound([]);
    if (text === "") return;
    const abort = new AbortController();
    const search = async () => {
      const [run, channels] = await Promise.all([
        api.get<RunDetails>("admin/run", { run_id: text }, abort.signal).catch(() => undefined),
        api.get<Page<ChannelInfo>>("admin/channels", { prefix: text, limit: 8 }, abort.signal).catch(() => undefined),
      ]);
      if (abort.signal.aborted) return;
      const runs = run === undefined ? [] : [{ label: run.run_id, hint: `Run of ${run.job}`, run: () => navigate(["runs", run.run_id]) }];
      const names = (channels?.items ?? []).map(({ name }) => ({
        label: name,
        hint: "Messages",
        run: () => navigate(["messages", name]),
      }));
      setFound([...runs, ...names]);
    };
    const timer = setTimeout(() => void search(), 150);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [text]);
  return found;
}
