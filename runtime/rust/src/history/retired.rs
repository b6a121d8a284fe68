//! Logs that another process has replaced.

use std::sync::atomic::Ordering;

use super::{Log, wake_parked};

impl Log {
    /// Marks the log as replaced: another process deleted the channel or began a new epoch. Wakes all parked
    /// readers. The hub opens a new log when the channel is used next.
    #[cfg(any(test, feature = "nats", feature = "postgres", feature = "sqlite"))]
    pub(crate) fn retire(&self) {
        let state = self.lock();
        self.is_retired.store(true, Ordering::Release);
        wake_parked(state, true);
    }

    /// Returns whether the log was replaced. Check this after reading: a reader that was parked by then is woken.
    pub(crate) fn is_retired(&self) -> bool {
        self.is_retired.load(Ordering::Acquire)
    }
}
