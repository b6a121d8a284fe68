//! Detects a dead connection: a network that drops all packets closes nothing.

use std::time::Duration;

use tokio::time::Instant;

/// When to expect the first heartbeat.
const FIRST: Duration = Duration::from_secs(15);

/// A heartbeat may be late by a fifth of its interval, and by at least this time.
const MIN_SLACK: Duration = Duration::from_millis(100);

/// How long the server has to answer a probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(4);

/// If the server's heartbeat is late, it is probed; if it does not answer the probe, the connection is dead.
pub(super) struct Heartbeat {
    max_silence: Duration,
    received_at: Instant,
    /// When a probe was sent that has not been answered.
    probed_at: Option<Instant>,
}

/// The next step when a heartbeat is overdue.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    Probe,
    Dead,
}

impl Heartbeat {
    pub(super) fn new() -> Self {
        Self { max_silence: with_slack(FIRST), received_at: Instant::now(), probed_at: None }
    }

    /// Records that a frame arrived. It does not answer a probe: it may have been in flight since before.
    pub(super) fn record_frame(&mut self) {
        self.received_at = Instant::now();
    }

    /// Records a heartbeat, which names the time until the next one.
    pub(super) fn record_alive(&mut self, next_in: u64) {
        self.probed_at = None;
        self.max_silence = with_slack(Duration::from_millis(next_in).min(Duration::from_secs(3600)));
    }

    /// Returns when the next heartbeat, or the answer to the probe, is overdue.
    pub(super) fn due(&self) -> Instant {
        match self.probed_at {
            None => self.received_at + self.max_silence,
            Some(probed_at) => probed_at.max(self.received_at) + PROBE_TIMEOUT,
        }
    }

    pub(super) fn handle_overdue(&mut self) -> Overdue {
        if self.probed_at.is_some() {
            return Overdue::Dead;
        }
        self.probed_at = Some(Instant::now());
        Overdue::Probe
    }
}

fn with_slack(interval: Duration) -> Duration {
    interval + (interval / 5).max(MIN_SLACK)
}
