export { isCase } from "./case.js";
export { defineChannel, encodeParam, ParamError } from "./channel.js";
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
} from "./channel.js";
export type { Drift } from "./drift.js";
export {
  ConnectionError,
  InvalidMessageError,
  ProtocolError,
  SignalError,
  TextStreamError,
} from "./error.js";
export type { SignalErrorCode } from "./error.js";
export type {
  DataMessage,
  Gap,
  Message,
  MessageView,
  RunError,
  RunQuestions,
  RunStatus,
  RunUpdate,
  StreamMessage,
  StreamView,
} from "./message.js";
export type { ConnectionOptions, ConnectionStatus, TransportChoice } from "./options.js";
export type {
  InferInput,
  InferOutput,
  PayloadIssue,
  StandardIssue,
  StandardResult,
  StandardSchema,
} from "./standard.js";
export { send } from "./send.js";
export type { SendOptions } from "./send.js";
export type { SignalOptions, SignalReceipt } from "./signal.js";
export type { WebSocketConstructor, WebSocketLike } from "./transport/websocket.js";
export { RealtimeStore } from "./store.js";
export type { PauseReason, RealtimeSnapshot, StoreSettings, ViewSettings } from "./store.js";
export { subscribe } from "./subscribe.js";
export type {
  MessageCallback,
  SubscribeCallbackOptions,
  SubscribeOptions,
  Subscription,
  SubscriptionHandle,
} from "./subscribe-options.js";
export type { TokenInput, TokenValue } from "./token.js";
export type { Cursor } from "./wire.js";
