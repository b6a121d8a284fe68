/** A payload to publish again. It is not in the URL, because it can be large. */
export interface Draft {
  readonly channel: string;
  readonly topic: string;
  readonly payload: unknown;
}

let current: Draft | undefined;

/** Sets the payload that the form for a topic of a channel begins with. */
export function setDraft(draft: Draft): void {
  current = draft;
}

export function draftFor(channel: string, topic: string): Draft | undefined {
  return current?.channel === channel && current.topic === topic ? current : undefined;
}
