//! The clock of a storage on another machine, which all of its processes follow. It never goes back.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::SystemTime;

use crate::clock::{from_milliseconds, milliseconds, steady_time};

/// Milliseconds from this machine's steady clock to the storage's clock, which is not behind this one.
#[derive(Debug)]
pub(super) struct StorageClock {
    offset: AtomicI64,
    /// The maximum of the offset.
    max_offset: AtomicI64,
    /// The latest time that was returned. If the storage's clock is set back, time stops until it is reached again.
    latest: AtomicI64,
}

impl StorageClock {
    /// Creates a clock that is behind the storage's by the time that the answer took. More exact readings then move it
    /// forward: if they moved it back, time would stop for a moment, and calls would seem to happen at the same time.
    pub(super) fn new(reading: &Reading) -> Self {
        Self {
            offset: AtomicI64::new(reading.min_offset()),
            max_offset: AtomicI64::new(reading.max_offset()),
            latest: AtomicI64::new(0),
        }
    }

    /// Adjusts this clock to the storage's as far as the reading contradicts it. A reading that took long is inexact.
    pub(super) fn refresh(&self, reading: &Reading) {
        for offset in [&self.offset, &self.max_offset] {
            let known = offset.load(Ordering::Relaxed);
            offset.store(known.clamp(reading.min_offset(), reading.max_offset()), Ordering::Relaxed);
        }
    }

    pub(super) fn now(&self) -> SystemTime {
        let now = steady_milliseconds().saturating_add(self.offset.load(Ordering::Relaxed));
        from_milliseconds(self.latest.fetch_max(now, Ordering::Relaxed).max(now))
    }

    /// Returns the latest time that the storage's clock may show now.
    pub(super) fn latest_now(&self) -> SystemTime {
        let now = steady_milliseconds().saturating_add(self.max_offset.load(Ordering::Relaxed));
        from_milliseconds(now).max(self.now())
    }
}

/// A time of the storage, and this machine's steady time before and after it was read.
pub(super) struct Reading {
    pub(super) time: i64,
    pub(super) sent: i64,
    pub(super) received: i64,
}

impl Reading {
    fn min_offset(&self) -> i64 {
        self.time - self.received.max(self.sent)
    }

    fn max_offset(&self) -> i64 {
        self.time - self.sent
    }
}

/// Returns the steady time in milliseconds.
pub(super) fn steady_milliseconds() -> i64 {
    milliseconds(steady_time())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::to_milliseconds;

    #[test]
    fn the_clock_follows_the_storage_and_never_jumps_back() {
        let start = 1_800_000_000_000;
        let at_once = |time| {
            let steady = steady_milliseconds();
            Reading { time, sent: steady, received: steady }
        };
        let clock = StorageClock::new(&at_once(start));
        let first = to_milliseconds(clock.now());
        assert!((start..start + 60_000).contains(&first), "{first}");
        clock.refresh(&at_once(start + 3_600_000));
        let later = to_milliseconds(clock.now());
        assert!(later >= start + 3_600_000);
        clock.refresh(&at_once(start));
        assert_eq!(to_milliseconds(clock.now()), later);
    }

    #[test]
    fn time_does_not_stop_after_an_inexact_first_reading() {
        // It took ten seconds, most of them on the way there.
        let clock = StorageClock::new(&Reading { time: 1_009_900, sent: 100, received: 10_100 });
        let first = clock.offset.load(Ordering::Relaxed);
        clock.refresh(&Reading { time: 1_012_000, sent: 12_099, received: 12_101 });
        assert!(clock.offset.load(Ordering::Relaxed) >= first);
    }

    #[test]
    fn the_latest_time_of_one_process_is_not_before_the_time_of_another() {
        // It is 1,000,000 + the steady time at the storage. The first process has read it exactly.
        let first = StorageClock::new(&Reading { time: 1_000_500, sent: 500, received: 500 });
        let second = StorageClock::new(&Reading { time: 1_000_500, sent: 440, received: 520 });
        assert!(second.now() < first.now() && second.latest_now() >= first.now());
        second.refresh(&Reading { time: 1_001_000, sent: 990, received: 1_010 });
        let slack = second.max_offset.load(Ordering::Relaxed) - second.offset.load(Ordering::Relaxed);
        assert_eq!(slack, 20);
    }

    #[test]
    fn an_inexact_reading_does_not_change_an_exact_clock() {
        let clock = StorageClock::new(&Reading { time: 1_000_000, sent: 100, received: 100 });
        // It took ten seconds, most of them on the way there.
        clock.refresh(&Reading { time: 1_009_900, sent: 100, received: 10_100 });
        assert_eq!(clock.offset.load(Ordering::Relaxed), 999_900);
        // The storage's clock is ahead by at least 900 milliseconds.
        clock.refresh(&Reading { time: 1_011_000, sent: 10_000, received: 10_200 });
        assert_eq!(clock.offset.load(Ordering::Relaxed), 1_000_800);
    }
}
