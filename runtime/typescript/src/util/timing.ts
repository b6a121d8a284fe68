/** How long things may take, in milliseconds. In one place, so that tests can be quicker. */
export const timing = {
  /** A WebSocket that is neither open nor refused is given up after this time. */
  open: 10_000,
  /** A server that was asked for a subscription and says nothing is given up. */
  confirm: 15_000,
  /** How long to wait for the close event after an error event. */
  closeEvent: 200,
  /** A token factory that has not settled is called again. */
  token: 30_000,
  /** When to expect the server's first sign of life. Events are asked by opening them again, so they have longer. */
  firstAlive: 15_000,
  firstAliveOverEvents: 60_000,
  /** How long a server has to answer when it is asked for a sign of life. */
  probe: 4_000,
  /** A timer that fires this late waits once more, for `grace`: what it waited for may not have been read yet. */
  lateness: 100,
  grace: 1_000,
  /** An attempt to connect that is no older than this is not begun anew because the network is back. */
  fresh: 1_000,
  /** Clients of a server that stops and names no time connect anew within this. */
  spread: 1_000,
  /** A signal that is not answered is sent again; and the shortest and the longest wait before that. */
  answer: 10_000,
  sendMin: 250,
  sendMax: 4_000,
  /** A connection outlives its last subscription by this: the next component may want one. */
  linger: 500,
  /** Subscriptions that come and go within this share one event stream. */
  coalesce: 10,
  /** A page that leads others, and holds an event stream for all, answers within this time. */
  leader: 2_000,
  /** From events to the first try whether a WebSocket can be had again, and at most between two. */
  returnMin: 60_000,
  returnMax: 600_000,
  /** How often to look whether this machine has slept, and how late is late. */
  tick: 2_000,
  late: 4_000,
};
