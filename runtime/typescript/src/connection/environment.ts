import { timing } from "../util/timing.js";

/** What happens around a connection, as far as a page is told. Node is told of sleep only. */
export interface SurroundingsEvents {
  /** The network may be gone. */
  onDoubt(): void;
  /** The network, the page or the machine is back: what stood before may be dead. */
  onReturn(): void;
  /** The page is frozen, or left and perhaps cached. Its connections may be closed silently, and other pages would wait for its locks. */
  onFreeze(): void;
}

/** Tells of the network's, the page's and the machine's coming and going; returns how to stop that. */
export function watchSurroundings(events: SurroundingsEvents): () => void {
  const listening = new AbortController();
  const listen = (target: EventTarget | undefined, type: string, listener: (event: Event) => void) =>
    target?.addEventListener?.(type, listener, { signal: listening.signal });
  const page = typeof document === "undefined" ? undefined : document;
  const window = page === undefined ? undefined : (page.defaultView ?? undefined);
  listen(window, "offline", () => events.onDoubt());
  listen(window, "online", () => events.onReturn());
  listen(window, "pageshow", (event) => {
    // At its first load a page has nothing yet that could be dead.
    if ((event as PageTransitionEvent).persisted) {
      events.onReturn();
    }
  });
  listen(page, "freeze", () => events.onFreeze());
  listen(window, "pagehide", () => events.onFreeze());
  listen(page, "resume", () => events.onReturn());
  listen(page, "visibilitychange", () => {
    if (page?.visibilityState === "visible") {
      events.onReturn();
    }
  });
  const stopClock = watchSleep(() => events.onReturn());
  return () => {
    listening.abort();
    stopClock();
  };
}

/** A timer that fires far too late: this machine was asleep, or the page was held still. */
function watchSleep(onWake: () => void): () => void {
  // Not `performance.now()`, which stands still while some machines sleep.
  let due = Date.now() + timing.tick;
  const clock = setInterval(() => {
    const lateness = Date.now() - due;
    due = Date.now() + timing.tick;
    if (lateness > timing.late) {
      onWake();
    }
  }, timing.tick);
  return () => clearInterval(clock);
}
