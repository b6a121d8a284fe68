import { RealtimeProvider } from "fanfare/solid";
import { createSignal, Show } from "solid-js";
import { defaults, firstRun } from "../page.js";
import { Latest } from "./Latest.js";
import { Progress } from "./Progress.js";
import { Tokens } from "./Tokens.js";

export function App() {
  const [runId, setRunId] = createSignal(firstRun);
  const [isShown, setShown] = createSignal(true);
  const [isEnabled, setEnabled] = createSignal(true);
  return (
    <RealtimeProvider {...defaults}>
      <main>
        <h1>Solid</h1>
        <Show when={isShown()}>
          <Progress runId={runId()} />
          <Latest runId={runId()} />
          <Tokens runId={runId()} isEnabled={isEnabled()} />
        </Show>
        <button onClick={() => setRunId(`${runId()}b`)}>Next run</button>
        <button onClick={() => setEnabled(!isEnabled())}>{isEnabled() ? "Disable" : "Enable"}</button>
        <button onClick={() => setShown(false)}>Leave</button>
      </main>
    </RealtimeProvider>
  );
}
