/** Timeouts and intervals in milliseconds, in one place so that tests can shorten them. */
export const timing = {
  /** A transport that is neither open nor refused after this time has failed. */
  openTimeout: 10_000,
  /** A subscription that the server does not confirm within this time has failed. */
  confirmTimeout: 15_000,
  /** How long to wait for the close event after an error event. */
  closeEventTimeout: 200,
  /** A `token` or `state` function that has not settled after this time has failed and is called again. */
  functionTimeout: 30_000,
  /** When to expect the first heartbeat. Probing an event stream reopens it, so event streams get more time. */
  firstHeartbeat: 15_000,
  firstHeartbeatOverEvents: 60_000,
  /** How long the server has to answer a probe. */
  probeTimeout: 4_000,
  /**
   * A timer that fires this late is extended once by `lateTimerExtension`: the response may have arrived and
   * not have been read yet.
   */
  lateTimerThreshold: 100,
  lateTimerExtension: 1_000,
  /** A connection attempt younger than this is not restarted when the network returns. */
  minRestartAge: 1_000,
  /** If a closing server names no delay, its clients reconnect at random times within this. */
  reconnectSpread: 1_000,
  /**
   * A signal without a response after this time is sent again, after a delay between `signalRetryMin` and
   * `signalRetryMax`.
   */
  signalTimeout: 10_000,
  signalRetryMin: 250,
  signalRetryMax: 4_000,
  /** A connection without subscriptions stays open this long, because the next component may need it. */
  idleTimeout: 500,
  /** Changes to the subscriptions of an event stream within this time reopen it once. */
  reopenDelay: 10,
  /** The page that holds the shared event stream answers other pages within this time. */
  leaderTimeout: 2_000,
  /** The shortest and the longest time between attempts to replace an event stream with a WebSocket. */
  webSocketRetryMin: 60_000,
  webSocketRetryMax: 600_000,
  /** How often to check whether the machine slept, and how late a check must be to show it. */
  sleepCheckInterval: 2_000,
  sleepThreshold: 4_000,
};
