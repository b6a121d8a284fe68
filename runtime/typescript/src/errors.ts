import { describeIssues } from "./validate/standard-schema.js";
import type { PayloadIssue, StandardIssue } from "./validate/standard-schema.js";

/** Thrown or reported if a connection cannot be opened or was lost. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
  /** The WebSocket close code, if there was one. */
  readonly closeCode: number | undefined;
  /**
   * Why the server refused or ended the subscription: a code in PROTOCOL.md, `expired` or `revoked`; or
   * `stale_state` if states were too old when they arrived.
   */
  readonly code: string | undefined;
  /** Whether the client has given up. Otherwise it retries. */
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

/**
 * Reported if a payload or the result of a run does not match the definition that this page was
 * generated from.
 */
export class InvalidMessageError extends Error {
  override readonly name = "InvalidMessageError";

  constructor(
    readonly channel: string,
    /** Undefined for the result of a run. */
    readonly topic: string | undefined,
    /** The id of the message. */
    readonly id: string,
    /** The payload or the result, as it arrived. */
    readonly data: unknown,
    /** All issues. */
    readonly issues: readonly StandardIssue[],
  ) {
    const what = topic === undefined ? `The result in run event ${id}` : `The message ${id}`;
    const where = topic === undefined ? `"${channel}"` : `"${channel}", topic "${topic}",`;
    super(`${what} on ${where} does not match the definition: ${describeIssues(issues)}`);
  }
}

/** Reported if the server answers a frame with an error, or sends an invalid frame. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";

  constructor(
    /** A code in PROTOCOL.md, `malformed_frame` or `wrong_channel`. */
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** Ends a text stream whose text is incomplete. */
export class TextStreamError extends Error {
  override readonly name = "TextStreamError";

  constructor(
    readonly channel: string,
    readonly topic: string,
    /** The id of the message that delivered the stream. */
    readonly id: string,
    /**
     * `failed`: its publisher gave up, or the server was restarted. `stopped`: it was ended on
     * purpose, by its publisher or because its run was cancelled or continued without it. `gap`:
     * chunks were missed for good. `closed`: the subscription ended before the stream.
     */
    readonly reason: "failed" | "stopped" | "gap" | "closed",
    message: string,
  ) {
    super(`The text stream ${id} on "${channel}", topic "${topic}", is incomplete: ${message}`);
  }
}

/**
 * Why a signal failed:
 *
 * - `already_taken`: the question has an answer, or an earlier signal of this name is kept for it;
 *   `takenSignal`, `takenPayload`, `takenSender` and `takenAt` describe that other signal.
 * - `too_late`: the question was closed without an answer, or does not exist, and the run has not
 *   ended.
 * - `run_ended`: the run has ended. It never asked for the signal, or its question was closed without
 *   an answer.
 * - `no_run`: there is no run on the channel, or none with this `runId`.
 * - `not_granted`: the token or session does not grant the signal.
 * - `unauthorized`: the token or session is invalid or missing.
 * - `invalid`: the server cannot accept the request: the payload violates the definition (see
 *   `issues`) or is too large, or the idempotency key was used for something else.
 * - `unknown_channel`, `unknown_signal`: the server does not have the channel or the signal. If the
 *   signal was renamed, the message says to what.
 * - `unknown`: the server gave a reason that this library does not know.
 * - `unavailable`: the server is unreachable or temporarily unavailable.
 */
export type SignalErrorCode =
  | "already_taken"
  | "too_late"
  | "run_ended"
  | "no_run"
  | "not_granted"
  | "unauthorized"
  | "invalid"
  | "unknown_channel"
  | "unknown_signal"
  | "unknown"
  | "unavailable";

/** The error that `send` rejects with, unless its `abortSignal` was aborted. */
export class SignalError extends Error {
  override readonly name = "SignalError";
  /** The HTTP status; undefined if there was no response or no request was sent. */
  readonly status!: number | undefined;
  /** With `already_taken`: the name of the other signal. */
  readonly takenSignal!: string | undefined;
  /** With `already_taken`: the payload of that signal, as JSON. It is not validated. */
  readonly takenPayload!: unknown;
  /** With `already_taken`: the sender of that signal, if known. */
  readonly takenSender!: string | undefined;
  /** With `already_taken`: when that signal arrived at the server. */
  readonly takenAt!: Date | undefined;
  /** With `invalid`: how the payload violates the definition. */
  readonly issues!: readonly PayloadIssue[];

  constructor(
    readonly channel: string,
    readonly signal: string,
    readonly code: SignalErrorCode,
    message: string,
    details: {
      status?: number | undefined;
      takenSignal?: string | undefined;
      takenPayload?: unknown;
      takenSender?: string | undefined;
      takenAt?: Date | undefined;
      issues?: readonly PayloadIssue[] | undefined;
      cause?: unknown;
    } = {},
  ) {
    const { cause, issues = [], ...others } = details;
    super(
      `The signal "${signal}" to "${channel}" failed: ${message}`,
      cause === undefined ? undefined : { cause },
    );
    Object.assign(this, others, { issues });
  }
}
