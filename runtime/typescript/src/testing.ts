/**
 * A server in memory, for tests of components and other code that uses the client.
 *
 * @module
 */

export { InvalidPayloadError } from "./testing/check.js";
export { exampleOf } from "./testing/example.js";
export { createTestHub } from "./testing/hub.js";
export type { PublishOptions, RefusalCode, TestChannel, TestHub, TestSubscription, TestText } from "./testing/hub.js";
export type { TestRun } from "./testing/run.js";
export type { SignalRefusal, TestSignal } from "./testing/signals.js";
