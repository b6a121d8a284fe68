/** What the page has seen, for tests to read as `window.seen`. */
export interface Seen {
  /** Every `connectionStatus`, as it changed. */
  readonly statuses: string[];
  /** The ids of each `messages.delta`. */
  readonly deltas: (readonly string[])[];
  /** What the content security policy has refused. */
  readonly violations: string[];
  /** What the hook gave last. */
  view: View;
}

export interface View {
  readonly connectionStatus: string;
  readonly isPaused: boolean;
  readonly pauseReason: string | null;
  readonly runStatus: string;
  readonly error: string | null;
  readonly gap: { readonly after: string; readonly before: string } | null;
  readonly ids: readonly string[];
  /** The numbers of those in `messages.all` that the server numbers. */
  readonly indexes: readonly number[];
  readonly last: string | null;
  /** The ids by topic. */
  readonly byTopic: Readonly<Record<string, string>>;
}

declare global {
  interface Window {
    seen: Seen;
  }
}
