import type { ClientFrame, MalformedFrame, ServerFrame } from "../../wire.js";

/** What carries frames to a server and back: a WebSocket, or HTTP with an event stream. */
export interface Transport {
  /** Where it leads, without anything secret. */
  readonly address: string;
  /** Whether another token for what is subscribed needs another `sub`. */
  readonly isFixed: boolean;
  send(frame: ClientFrame): void;
  /** Leaves. No event follows. */
  close(reason: string): void;
}

export interface TransportEvents {
  /** Frames can be sent. */
  onOpen(): void;
  onFrames(frames: readonly (ServerFrame | MalformedFrame)[]): void;
  /**
   * It was closed or could not be opened; `reason` is empty where nobody told one. `retryAfter` is how
   * long the server asked to be left alone, in milliseconds.
   */
  onClose(code: number, reason: string, retryAfter?: number): void;
}

/** What stands for a close code where a connection was lost without one. */
export const LOST = 1006;
