/**
 * The client of a fanfare server.
 *
 * Absent values follow one rule. Options, messages, run updates and errors leave a member out, or have
 * `undefined`. Handles and snapshots (`SubscriptionHandle`, `RealtimeSnapshot`, `UseRealtimeResult`)
 * always have all members, with `null` for none; only `result` and `state` are `undefined` because they may be null.
 *
 * @module
 */

export type {
  ChannelInput,
  ChannelInstance,
  ChannelName,
  ParamChannel,
  Payload,
  Retain,
  RunResult,
  SignalConfig,
  SignalDefinition,
  SignalName,
  SignalPayload,
  SignalReference,
  StreamTopicConfig,
  TopicConfig,
  TopicDefinition,
  TopicName,
  TopicReference,
} from "./channel/channel.js";
export { defineChannel, encodeParam, ParamError } from "./channel/define-channel.js";
export type { Drift } from "./channel/drift.js";
export { isCase } from "./channel/is-case.js";
export type {
  DataMessage,
  Gap,
  Message,
  MessageView,
  StreamMessage,
  StreamView,
} from "./channel/message.js";
export type { ConnectionOptions, ConnectionStatus, TransportChoice } from "./connection/options.js";
export type { TokenInput, TokenRequest, TokenValue } from "./connection/token.js";
export type { WebSocketConstructor, WebSocketLike } from "./connection/transport/websocket.js";
export {
  ConnectionError,
  InvalidMessageError,
  ProtocolError,
  SignalError,
  TextStreamError,
} from "./errors.js";
export type { SignalErrorCode } from "./errors.js";
export type { QuestionIds, RunError, RunStatus, RunUpdate } from "./runs/run-update.js";
export { send } from "./runs/send.js";
export type { SendOptions } from "./runs/send.js";
export type { SignalOptions, SignalReceipt } from "./runs/signal.js";
export type {
  MessageCallback,
  SubscribeCallbackOptions,
  SubscribeOptions,
  Subscription,
  SubscriptionHandle,
} from "./subscription/options.js";
export { RealtimeObserver } from "./subscription/observer.js";
export type { RealtimeOptions, RealtimeSettings } from "./subscription/settings.js";
export type { PauseReason, RealtimeActions, RealtimeSnapshot } from "./subscription/snapshot.js";
export type { StateFunction, StateOptions, StateReducer, StateRequest, StateSnapshot } from "./subscription/state.js";
export { RealtimeStore } from "./subscription/store.js";
export { subscribe } from "./subscription/subscribe.js";
export type {
  InferInput,
  InferOutput,
  PayloadIssue,
  StandardIssue,
  StandardResult,
  StandardSchema,
} from "./validate/standard-schema.js";
export type { Cursor, DriftChange } from "./wire.js";
