/** What the page has received. Tests read it as `window.seen`. */
export interface Seen {
  /** Every `connectionStatus`, in order. */
  readonly statuses: string[];
  /** The ids of each `messages.delta`. */
  readonly deltas: (readonly string[])[];
  /** Violations of the content security policy. */
  readonly violations: string[];
  /** The last result of the hook. */
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
  /** The numbers of the numbered messages in `messages.all`. */
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
