import { describeIssues } from "./validate/standard-schema.js";
import type { PayloadIssue, StandardIssue } from "./validate/standard-schema.js";

/** Thrown or reported when a connection cannot be made or kept. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
  /** The WebSocket close code, where there was one. */
  readonly closeCode: number | undefined;
  /** Why the server refused or ended the subscription: one of the codes in PROTOCOL.md, or `expired`, `revoked`. */
  readonly code: string | undefined;
  /** Whether the library has given up. Otherwise it goes on trying. */
  readonly fatal: boolean;

  constructor(
    message: string,
    options: {
      fatal: boolean;
      closeCode?: number | undefined;
      code?: string | undefined;
      cause?: unknown;
    },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.fatal = options.fatal;
    this.closeCode = options.closeCode;
    this.code = options.code;
  }
}

/** Reported when a payload, or what a run returned, breaks the definition that this page was built from. */
export class InvalidMessageError extends Error {
  override readonly name = "InvalidMessageError";

  constructor(
    readonly channel: string,
    /** Undefined where it is what a run returned. */
    readonly topic: string | undefined,
    /** The id of the message. */
    readonly id: string,
    /** The payload, or the result, as it arrived. */
    readonly data: unknown,
    /** All reasons why it was refused. */
    readonly issues: readonly StandardIssue[],
  ) {
    const what = topic === undefined ? "result of a run, message" : "message";
    const where = topic === undefined ? `"${channel}"` : `"${channel}", topic "${topic}"`;
    super(`Invalid ${what} ${id} on ${where}: ${describeIssues(issues)}`);
  }
}

/** Reported when the server answers a frame with an error, or sends one that is none. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";

  constructor(
    /** One of the codes in PROTOCOL.md, `malformed_frame`, or `wrong_channel`. */
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** What a text stream ends with where its text is not complete. */
export class TextStreamError extends Error {
  override readonly name = "TextStreamError";

  constructor(
    readonly channel: string,
    readonly topic: string,
    /** The id of the message that the stream came with. */
    readonly id: string,
    /**
     * `failed`: its publisher gave up, or the server was restarted. `stopped`: it was ended on
     * purpose, by its publisher or because its run was cancelled or went on without it. `gap`:
     * pieces were missed for good. `closed`: the subscription ended before the stream did.
     */
    readonly reason: "failed" | "stopped" | "gap" | "closed",
    why: string,
  ) {
    super(`The text stream ${id} on "${channel}", topic "${topic}", is not complete: ${why}`);
  }
}

/**
 * Why a signal was not taken:
 *
 * - `already_taken`: the question has an answer; `takenSignal`, `takenPayload`, `by` and `at`
 *   describe it.
 * - `too_late`: the question was closed without an answer.
 * - `run_ended`: the run ended without asking for this signal.
 * - `no_run`: there is no run on the channel.
 * - `not_granted`: the token does not name the signal.
 * - `unauthorized`: the token is not valid, or there is none.
 * - `invalid`: the payload breaks the definition; `issues` say where.
 * - `unknown`: no definition of the server knows the channel or the signal, or the server gave a
 *   reason that this library does not know.
 * - `unavailable`: the server could not be reached, or could not take it now.
 */
export type SignalErrorCode =
  | "already_taken"
  | "too_late"
  | "run_ended"
  | "no_run"
  | "not_granted"
  | "unauthorized"
  | "invalid"
  | "unknown"
  | "unavailable";

/** What `send` rejects with where a signal was not taken. */
export class SignalError extends Error {
  override readonly name = "SignalError";
  /** The HTTP status; undefined where there was no answer, or none was asked for. */
  readonly status: number | undefined;
  /** With `already_taken`: the name of the signal that is the answer. */
  readonly takenSignal: string | undefined;
  /** With `already_taken`: the payload of that signal, as JSON. It is not validated. */
  readonly takenPayload: unknown;
  /** With `already_taken`: who sent that signal, if known. */
  readonly by: string | undefined;
  /** With `already_taken`: when that signal was recorded. */
  readonly at: Date | undefined;
  /** With `invalid`: how the payload breaks the definition. */
  readonly issues: readonly PayloadIssue[];

  constructor(
    readonly channel: string,
    readonly signal: string,
    readonly code: SignalErrorCode,
    why: string,
    details: {
      status?: number | undefined;
      takenSignal?: string | undefined;
      takenPayload?: unknown;
      by?: string | undefined;
      at?: Date | undefined;
      issues?: readonly PayloadIssue[] | undefined;
      cause?: unknown;
    } = {},
  ) {
    const { status, takenSignal, takenPayload, by, at, issues = [], cause } = details;
    super(
      `The signal "${signal}" to "${channel}" was not taken: ${why}`,
      cause === undefined ? undefined : { cause },
    );
    this.status = status;
    this.takenSignal = takenSignal;
    this.takenPayload = takenPayload;
    this.by = by;
    this.at = at;
    this.issues = issues;
  }
}
