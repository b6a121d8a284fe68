import { timing } from "./timing.js";

/** The longest delay that a timer takes; with a longer one it fires at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Calls `onPassed` after a time, unless the returned function is called first.
 *
 * A timer that fires late shows that the process was suspended or its event loop blocked. The
 * response may have arrived without having been read, so the deadline is extended once.
 */
export function deadline(milliseconds: number, onPassed: () => void): () => void {
  const wait = Math.min(milliseconds, MAX_TIMER_MS);
  const due = performance.now() + wait;
  let timer = setTimeout(() => {
    if (performance.now() - due < timing.lateTimerThreshold) {
      onPassed();
    } else {
      timer = setTimeout(onPassed, timing.lateTimerExtension);
    }
  }, wait);
  return () => clearTimeout(timer);
}
