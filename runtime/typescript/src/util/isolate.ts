/**
 * Wraps a user's callback so that it never throws. Its errors are reported as uncaught, and the
 * caller continues.
 */
export function isolate<Args extends readonly unknown[]>(
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

/** Reports an error to `window.onerror` and error trackers. No code can catch it. */
export function reportUncaught(error: unknown): void {
  if (typeof reportError === "function") {
    reportError(error);
  } else {
    // Node has no `reportError`. Thrown in a separate task, the error is an uncaught exception.
    setTimeout(() => {
      throw error;
    });
  }
}
