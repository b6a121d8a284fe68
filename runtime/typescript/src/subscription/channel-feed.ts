import type { ChannelInput } from "../channel/channel.js";
import { findDrift, originOf } from "../channel/drift.js";
import type { Drift, ServerDefinition } from "../channel/drift.js";
import type { ConnectionStatus } from "../connection/options.js";
import type { ConnectionError } from "../errors.js";
import type { Cursor } from "../wire.js";
import { ChannelSubscription } from "./channel-subscription.js";
import type { ChannelSubscriptionSettings } from "./channel-subscription.js";
import { Delivery } from "./delivery.js";
import type { DeliveryEvents, StreamFailure } from "./delivery.js";
import { diagnostics } from "./diagnostics.js";

/** What to read. */
export interface FeedTarget {
  readonly channel: ChannelInput;
  /** All topics of the channel if undefined. */
  readonly topics?: readonly string[] | undefined;
  /** Where to begin. Default: `"now"`. */
  readonly since?: Cursor | undefined;
}

export interface ChannelFeedEvents extends DeliveryEvents {
  /** A frame was received; its message may still wait for a validator. */
  onReceived?(): void;
  /** The server has confirmed the subscription, which reads on from `position`. */
  onReady(position: Cursor): void;
  /** Whether this page works with the server. Called before `onReady`, or before the feed ends. */
  onDrift(drift: Drift | undefined): void;
  onStatus(status: ConnectionStatus): void;
  /** An error that the feed survives. */
  onError(error: Error): void;
  /** The feed has ended for good. Messages received before may still wait for a validator. */
  onEnd(error: ConnectionError): void;
}

/**
 * Reads a channel: subscribes, resumes, validates, and reports messages in order. `subscribe` and
 * `RealtimeStore` both read from a feed.
 */
export class ChannelFeed {
  /** Whether payloads and results are validated. */
  validate = true;
  readonly #subscription: ChannelSubscription;
  readonly #delivery: Delivery;

  constructor({ channel, topics, since }: FeedTarget, events: ChannelFeedEvents) {
    const name = typeof channel === "string" ? channel : channel.name;
    this.#delivery = new Delivery(channel, topics, this, events);
    const origin = originOf(channel);
    const fingerprint = origin?.fingerprint;
    const reportDrift = (server: ServerDefinition) => {
      const drift = findDrift(origin, topics, server);
      diagnostics.report?.(drift);
      events.onDrift(drift);
    };
    this.#subscription = new ChannelSubscription({ channel: name, topics, fingerprint }, since, {
      onFrame: (frame, cursor) => {
        diagnostics.report?.(frame);
        this.#delivery.add(frame, cursor);
        events.onReceived?.();
      },
      onReady: (frame) => {
        reportDrift(frame);
        events.onReady(frame.position);
      },
      onRefused: reportDrift,
      onStatus: (status) => events.onStatus(status),
      onError: (error) => events.onError(error),
      onEnd: (error) => events.onEnd(error),
    });
  }

  /** The number of frames that wait for a validator. */
  get pending(): number {
    return this.#delivery.pending;
  }

  /** Subscribes; after a pause, resumes. The settings may differ from earlier ones. */
  open(settings: ChannelSubscriptionSettings): void {
    this.#subscription.open(settings);
  }

  /** Leaves the server. `open` resumes. */
  pause(): void {
    this.#subscription.pause();
  }

  close(): void {
    this.#subscription.close();
  }

  /** Calls `action` once all messages received so far have been delivered. */
  whenDelivered(action: () => void): void {
    this.#delivery.add(action);
  }

  /** Ends all open text streams as incomplete. */
  failStreams(failure: StreamFailure, cursor: Cursor): void {
    this.#delivery.failStreams(failure, cursor);
  }
}
