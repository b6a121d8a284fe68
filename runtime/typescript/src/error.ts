import { describeIssues } from "./standard.js";
import type { StandardIssue } from "./standard.js";

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

/** What a text stream ends with where its text is not complete. */
export class TextStreamError extends Error {
  override readonly name = "TextStreamError";

  constructor(
    readonly channel: string,
    readonly topic: string,
    /** The id of the message that the stream came with. */
    readonly id: string,
    /**
     * `failed`: its publisher gave up, or the server was restarted. `gap`: pieces were missed for
     * good. `closed`: the subscription ended before the stream did.
     */
    readonly reason: "failed" | "gap" | "closed",
    why: string,
  ) {
    super(`The text stream ${id} on "${channel}", topic "${topic}", is not complete: ${why}`);
  }
}
