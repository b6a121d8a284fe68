"use client";

export { ConnectionError, InvalidMessageError } from "./errors.js";
export { RealtimeProvider } from "./react/provider.js";
export type { RealtimeDefaults, RealtimeProviderProps } from "./react/provider.js";
export { useRealtime } from "./react/use-realtime.js";
export type {
  UseRealtimeConnectionStatus,
  UseRealtimeOptions,
  UseRealtimePauseReason,
  UseRealtimeResult,
  UseRealtimeRunStatus,
} from "./react/use-realtime.js";
export { useTopic } from "./react/use-topic.js";
export type { UseTopicOptions, UseTopicResult } from "./react/use-topic.js";
