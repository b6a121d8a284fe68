export { SignalError } from "./errors.js";
export type { SignalErrorCode } from "./errors.js";
export type { SignalReceipt } from "./runs/signal.js";
export { createRealtime } from "./server/realtime.js";
export type {
  ClientSubscriptionToken,
  PublishOptions,
  Realtime,
  RealtimeOptions,
  ServerSignalOptions,
  TokenOptions,
} from "./server/realtime.js";
export { RealtimeError } from "./server/request.js";
export type { TextSource } from "./server/text-source.js";
export type { PayloadIssue } from "./validate/standard-schema.js";
