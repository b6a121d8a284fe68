/**
 * Wraps a callback of the user's so that it never throws. What it throws is reported as an
 * uncaught error, and the code that called it goes on.
 */
export function isolated<Args extends readonly unknown[]>(
  callback: (...args: Args) => unknown,
): (...args: Args) => void {
  return (...args) => {
    try {
      callback(...args);
    } catch (error) {
      reportUncaught(error);
    }
  };
}

/** Raises an error where `window.onerror` and error trackers see it, and nobody else can catch it. */
export function reportUncaught(error: unknown): void {
  if (typeof reportError === "function") {
    reportError(error);
  } else {
    // Node has no `reportError`; in a task of its own, an error is an uncaught exception.
    setTimeout(() => {
      throw error;
    });
  }
}
