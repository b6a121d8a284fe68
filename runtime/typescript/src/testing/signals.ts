import type { SignalErrorCode } from "../errors.js";

/** A signal that the hub received. */
export interface TestSignal<Payload = unknown> {
  readonly channel: string;
  readonly signal: string;
  /** The payload, in its wire form. */
  readonly payload: Payload;
  /** The run that took it; undefined if it was refused. */
  readonly runId: string | undefined;
  /** The question that the sender wanted to answer, if the sender named one. */
  readonly questionId: string | undefined;
  readonly receivedAt: Date;
  /** `accepted`, `kept`, or the code of the refusal. */
  readonly status: "accepted" | "kept" | SignalErrorCode;
}

/** A refusal of a signal. */
export interface SignalRefusal {
  readonly code: SignalErrorCode;
  readonly message: string;
  /** With `already_taken`: the signal that is the answer. */
  readonly taken?: { readonly signal?: string; readonly payload?: unknown; readonly sender?: string; readonly at?: Date };
}

/** A signal as it was sent. */
export interface SentSignal {
  readonly channel: string;
  readonly signal: string;
  readonly payload: unknown;
  readonly runId: string | undefined;
  readonly questionId: string | undefined;
}

/** The HTTP statuses of refusals. */
const STATUS: Readonly<Record<SignalErrorCode, number>> = {
  already_taken: 409,
  too_late: 409,
  run_ended: 409,
  no_run: 404,
  unknown_channel: 404,
  unknown_signal: 404,
  unknown: 404,
  not_granted: 403,
  unauthorized: 401,
  invalid: 422,
  unavailable: 503,
};

/** Returns the status and the body of the response to a signal that was refused. */
export function refusalBody({ code, message, taken = {} }: SignalRefusal): { readonly status: number; readonly body: unknown } {
  const { signal, payload, sender, at } = taken;
  const status = STATUS[code];
  return { status, body: { error: message, status, data: { code, signal, payload, by: sender, at: at?.toISOString() } } };
}
