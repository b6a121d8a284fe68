import { timing } from "./timing.js";

/** Timers take no more: with a longer time they fire at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Calls back when a time is over, unless it is cancelled with the returned function.
 *
 * A timer that fires late shows that this process was suspended or its event loop blocked. What it
 * waited for may have arrived meanwhile and not be read yet, so the deadline is extended once.
 */
export function deadline(milliseconds: number, onPassed: () => void): () => void {
  const wait = Math.min(milliseconds, MAX_TIMER_MS);
  const due = performance.now() + wait;
  let timer = setTimeout(() => {
    if (performance.now() - due < timing.lateness) {
      onPassed();
    } else {
      timer = setTimeout(onPassed, timing.grace);
    }
  }, wait);
  return () => clearTimeout(timer);
}
