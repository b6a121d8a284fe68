import { timing } from "../util/timing.js";

/** Events around a connection. Browsers raise all of them; Node only `onWake`, after sleep. */
export interface EnvironmentEvents {
  /** The browser reports that it is offline. */
  onOffline(): void;
  /** The network is back, the page is visible again or the machine woke: open connections may be dead. */
  onWake(): void;
  /**
   * The page is frozen or was left, perhaps into the back/forward cache. The browser may close its
   * connections without an event, and other pages would wait for its locks.
   */
  onFreeze(): void;
}

/** Watches the network, the page and the machine. Returns a function that stops watching. */
export function watchEnvironment(events: EnvironmentEvents): () => void {
  const listening = new AbortController();
  const listen = (target: EventTarget | undefined, type: string, listener: (event: Event) => void) =>
    target?.addEventListener?.(type, listener, { signal: listening.signal });
  const page = typeof document === "undefined" ? undefined : document;
  const window = page === undefined ? undefined : (page.defaultView ?? undefined);
  listen(window, "offline", () => events.onOffline());
  listen(window, "online", () => events.onWake());
  listen(window, "pageshow", (event) => {
    // On its first load a page has no connection that could be dead.
    if ((event as PageTransitionEvent).persisted) {
      events.onWake();
    }
  });
  listen(page, "freeze", () => events.onFreeze());
  listen(window, "pagehide", () => events.onFreeze());
  listen(page, "resume", () => events.onWake());
  listen(page, "visibilitychange", () => {
    if (page?.visibilityState === "visible") {
      events.onWake();
    }
  });
  const stopClock = watchSleep(() => events.onWake());
  return () => {
    listening.abort();
    stopClock();
  };
}

/** Detects sleep: a timer fires far too late if the machine slept or the page was suspended. */
function watchSleep(onWake: () => void): () => void {
  // Not `performance.now()`, which stops during sleep on some machines.
  let due = Date.now() + timing.sleepCheckInterval;
  const clock = setInterval(() => {
    const lateness = Date.now() - due;
    due = Date.now() + timing.sleepCheckInterval;
    if (lateness > timing.sleepThreshold) {
      onWake();
    }
  }, timing.sleepCheckInterval);
  return () => clearInterval(clock);
}
