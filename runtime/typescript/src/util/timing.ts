/** Timeouts and intervals in milliseconds, in one place so that tests can shorten them. */
export const timing = {
  /** A transport that is neither open nor refused after this time has failed. */
  open: 10_000,
  /** A subscription that the server does not confirm within this time has failed. */
  confirm: 15_000,
  /** How long to wait for the close event after an error event. */
  closeEvent: 200,
  /** A token factory that has not settled after this time has failed and is called again. */
  token: 30_000,
  /** When to expect the first heartbeat. Probing an event stream reopens it, so event streams get longer. */
  firstAlive: 15_000,
  firstAliveOverEvents: 60_000,
  /** How long the server has to answer a probe. */
  probe: 4_000,
  /**
   * A timer that fires this late is extended once by `grace`: what it waited for may not have been read
   * yet.
   */
  lateness: 100,
  grace: 1_000,
  /** A connection attempt younger than this is not restarted when the network returns. */
  fresh: 1_000,
  /** If a closing server names no delay, its clients reconnect at random times within this. */
  spread: 1_000,
  /** A signal that is not answered within this time is sent again, after a delay between the next two. */
  answer: 10_000,
  sendMin: 250,
  sendMax: 4_000,
  /** A connection without subscriptions closes after this time, as the next component may need it. */
  linger: 500,
  /** Changes to the subscriptions of an event stream within this time reopen it once. */
  coalesce: 10,
  /** The page that holds the shared event stream answers other pages within this time. */
  leader: 2_000,
  /** The shortest and the longest time between attempts to replace an event stream with a WebSocket. */
  returnMin: 60_000,
  returnMax: 600_000,
  /** How often to check whether the machine slept, and how late a check must be to show it. */
  tick: 2_000,
  late: 4_000,
};
