//! The storage's clock: the clock of the database, which all servers follow. It never goes back.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::SystemTime;

use crate::clock::{from_milliseconds, steady_time};

/// Milliseconds from this machine's steady clock to the database's clock.
#[derive(Debug)]
pub(super) struct StorageClock {
    offset: AtomicI64,
    /// The latest time that was returned. If the database's clock is set back, time stops until it is reached again.
    latest: AtomicI64,
}

impl StorageClock {
    /// Creates a clock from a time of the database, and this machine's steady time when it was read.
    pub(super) fn new(database_time: i64, steady: i64) -> Self {
        Self { offset: AtomicI64::new(database_time - steady), latest: AtomicI64::new(0) }
    }

    /// Follows the database's clock.
    pub(super) fn refresh(&self, database_time: i64, steady: i64) {
        self.offset.store(database_time - steady, Ordering::Relaxed);
    }

    pub(super) fn now(&self) -> SystemTime {
        let now = steady_milliseconds().saturating_add(self.offset.load(Ordering::Relaxed));
        from_milliseconds(self.latest.fetch_max(now, Ordering::Relaxed).max(now))
    }
}

/// Returns the steady time in milliseconds.
pub(super) fn steady_milliseconds() -> i64 {
    i64::try_from(steady_time().as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::to_milliseconds;

    #[test]
    fn the_clock_follows_the_database_and_never_jumps_back() {
        let start = 1_800_000_000_000;
        let clock = StorageClock::new(start, steady_milliseconds());
        let first = to_milliseconds(clock.now());
        assert!((start..start + 60_000).contains(&first), "{first}");
        clock.refresh(start + 3_600_000, steady_milliseconds());
        let later = to_milliseconds(clock.now());
        assert!(later >= start + 3_600_000);
        clock.refresh(start, steady_milliseconds());
        assert_eq!(to_milliseconds(clock.now()), later);
    }
}
