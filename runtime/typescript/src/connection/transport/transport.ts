import type { ClientFrame, MalformedFrame, ServerFrame } from "../../wire.js";

/** Carries frames to a server and back: a WebSocket, or HTTP with an event stream. */
export interface Transport {
  /** The address, without secrets. */
  readonly address: string;
  /** Whether renewing a token requires another `sub` frame. */
  readonly isFixed: boolean;
  send(frame: ClientFrame): void;
  /** Closes the transport. No event follows. */
  close(reason: string): void;
}

export interface TransportEvents {
  /** Frames can be sent. */
  onOpen(): void;
  onFrames(frames: readonly (ServerFrame | MalformedFrame)[]): void;
  /**
   * The transport was closed or could not be opened. `reason` is empty if none was given. `retryAfter`
   * is the delay that the server requested, in milliseconds.
   */
  onClose(code: number, reason: string, retryAfter?: number): void;
}

/** The close code of a connection that was lost without one. */
export const LOST = 1006;
