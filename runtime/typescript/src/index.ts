export { defineChannel, encodeParam, ParamError } from "./channel.js";
export type {
  ChannelInput,
  ChannelInstance,
  ParamChannel,
  Payload,
  Retain,
  TopicConfig,
  TopicDefinition,
  TopicName,
  TopicReference,
} from "./channel.js";
export type { InferInput, InferOutput, StandardIssue, StandardResult, StandardSchema } from "./schema.js";
