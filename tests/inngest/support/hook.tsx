import { useRealtime, type UseRealtimeOptions, type UseRealtimeResult } from "inngest/react";
import { createRoot } from "react-dom/client";
import { pipeline } from "../../../generated/typescript/pipeline.js";
import { until } from "../../end-to-end/support/wait.js";

type Pipeline = ReturnType<typeof pipeline>;
type Topics = readonly ("status" | "tokens")[];
type Options = UseRealtimeOptions<Pipeline, Topics>;
type Result = UseRealtimeResult<Pipeline, Topics>;

/** A component that uses the SDK's hook for a run. */
export interface Mounted {
  /** The result of the hook in each render. */
  readonly renders: Result[];
  /** Returns the last result. */
  now(): Result;
  /** Returns the numbers of the messages in `messages.all`. */
  numbers(): number[];
  /** Renders with other options. */
  render(options: Options): void;
  /** Waits until a condition is met. */
  see(what: string, holds: (result: Result) => boolean): Promise<void>;
  setVisibility(state: "visible" | "hidden"): void;
  unmount(): void;
}

/** Renders the component in jsdom. The hook reconnects quickly and keeps all messages. */
export function mount(run: string, options: Options): Mounted {
  const renders: Result[] = [];
  const root = createRoot(document.createElement("div"));
  const channel = pipeline({ runId: run });
  const topics = ["status", "tokens"] as const;
  function Watcher({ options }: { readonly options: Options }) {
    const held = { historyLimit: null, reconnectMinMs: 5, reconnectMaxMs: 20 };
    renders.push(useRealtime<Pipeline, Topics>({ channel, topics, ...held, ...options }));
    return null;
  }
  const now = () => {
    const last = renders.at(-1);
    if (last === undefined) {
      throw new Error("nothing was rendered");
    }
    return last;
  };
  const mounted: Mounted = {
    renders,
    now,
    numbers: () => now().messages.all.map(numberOf),
    render: (next) => root.render(<Watcher options={next} />),
    see: (what, holds) => until(what, () => renders.length > 0 && holds(now())),
    setVisibility: (state) => {
      Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    },
    unmount: () => root.unmount(),
  };
  mounted.render(options);
  return mounted;
}

function numberOf({ topic, data }: { readonly topic?: string; readonly data: unknown }): number {
  const { index, message } = data as { readonly index?: number; readonly message?: string };
  return topic === "tokens" ? Number(index) : Number.parseInt(message ?? "", 10);
}
