import { useCallback, useEffect, useRef, useState } from "react";

export interface Polled<T> {
  /** The latest value that arrived. */
  readonly value: T | undefined;
  /** Why the latest request failed. */
  readonly error: Error | undefined;
  /** Requests the value now. */
  readonly refresh: () => void;
}

/**
 * Loads a value, and again after each interval. Another `key` drops the value. A hidden page and an interval of 0 do not
 * load again.
 */
export function usePolled<T>(
  key: string,
  load: (signal: AbortSignal) => Promise<T>,
  milliseconds: number | ((value: T) => number),
): Polled<T> {
  const [state, setState] = useState<{ key: string; value?: T; error?: Error | undefined }>({ key });
  const [round, setRound] = useState(0);
  const latest = useRef({ load, milliseconds });
  latest.current = { load, milliseconds };

  useEffect(() => {
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const schedule = (delay: number) => {
      if (delay > 0 && !abort.signal.aborted) {
        timer = setTimeout(run, delay);
      }
    };
    const run = async () => {
      if (document.hidden) {
        schedule(1000);
        return;
      }
      const delayFor = latest.current.milliseconds;
      try {
        const value = await latest.current.load(abort.signal);
        if (abort.signal.aborted) return;
        setState({ key, value });
        schedule(typeof delayFor === "function" ? delayFor(value) : delayFor);
      } catch (error) {
        if (abort.signal.aborted) return;
        setState((old) => ({ ...(old.key === key ? old : { key }), error: error as Error }));
        schedule(3000);
      }
    };
    void run();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [key, round]);

  const refresh = useCallback(() => setRound((old) => old + 1), []);
  const { value, error } = state.key === key ? state : { value: undefined, error: undefined };
  return { value, error, refresh };
}
