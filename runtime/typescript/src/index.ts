export { isCase } from "./case.js";
export { defineChannel, encodeParam, ParamError } from "./channel.js";
export type {
  ChannelInput,
  ChannelInstance,
  ParamChannel,
  Payload,
  Retain,
  StreamTopicConfig,
  TopicConfig,
  TopicDefinition,
  TopicName,
  TopicReference,
} from "./channel.js";
export type { ConnectionOptions, ConnectionStatus } from "./connection.js";
export type { Drift } from "./drift.js";
export { ConnectionError, InvalidMessageError, ProtocolError } from "./error.js";
export type { Gap, Message, RunStatus, RunUpdate } from "./message.js";
export type {
  InferInput,
  InferOutput,
  StandardIssue,
  StandardResult,
  StandardSchema,
} from "./standard.js";
export type { WebSocketConstructor, WebSocketLike } from "./socket.js";
export { RealtimeStore } from "./store.js";
export type { PauseReason, RealtimeSnapshot, StoreSettings, ViewSettings } from "./store.js";
export { subscribe } from "./subscribe.js";
export type {
  MessageCallback,
  SubscribeCallbackOptions,
  SubscribeOptions,
  Subscription,
  SubscriptionHandle,
} from "./subscription.js";
export type { TokenInput, TokenValue } from "./token.js";
export type { Cursor } from "./wire.js";
