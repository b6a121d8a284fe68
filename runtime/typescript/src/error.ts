import { describeIssues } from "./standard.js";
import type { StandardIssue } from "./standard.js";

/** Thrown or reported when a connection cannot be made or kept. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
  /** The WebSocket close code, where there was one. */
  readonly closeCode: number | undefined;
  /** Whether the library has given up. Otherwise it goes on trying. */
  readonly fatal: boolean;

  constructor(
    message: string,
    options: { fatal: boolean; closeCode?: number | undefined; cause?: unknown },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.fatal = options.fatal;
    this.closeCode = options.closeCode;
  }
}

/** Reported when a message's payload breaks the definition that this page was built from. */
export class InvalidMessageError extends Error {
  override readonly name = "InvalidMessageError";

  constructor(
    readonly channel: string,
    readonly topic: string,
    /** The id of the message. */
    readonly id: string,
    /** The payload as it arrived. */
    readonly data: unknown,
    /** All reasons why it was refused. */
    readonly issues: readonly StandardIssue[],
  ) {
    super(`Invalid message ${id} on "${channel}", topic "${topic}": ${describeIssues(issues)}`);
  }
}

/** Reported when the server answers a frame with an error, or sends one that is none. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";

  constructor(
    /** One of the codes in PROTOCOL.md, or `malformed_frame`. */
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}
