"use client";

export { ConnectionError, InvalidMessageError } from "./errors.js";
export { useRealtime } from "./subscription/use-realtime.js";
export type {
  UseRealtimeConnectionStatus,
  UseRealtimeOptions,
  UseRealtimePauseReason,
  UseRealtimeResult,
  UseRealtimeRunStatus,
} from "./subscription/use-realtime.js";
