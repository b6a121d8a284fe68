//! The delay before the next attempt.

use std::time::Duration;

/// Doubles the delay each time, with jitter, so that the clients of a server do not all come at once.
pub(super) struct Backoff {
    range: (Duration, Duration),
    failures: u32,
    last: Duration,
}

impl Backoff {
    pub(super) fn new(range: (Duration, Duration)) -> Self {
        Self { range, failures: 0, last: Duration::ZERO }
    }

    /// Returns the next delay. It is at least `at_least`, which the server may have requested from many clients.
    pub(super) fn next(&mut self, at_least: Duration) -> Duration {
        let (min, max) = self.range;
        let limit = min.saturating_mul(1 << self.failures.min(20)).min(max);
        self.failures += 1;
        self.last = limit.mul_f64(0.5 + rand::random::<f64>() / 2.0);
        if self.last < at_least {
            self.last = at_least + min.mul_f64(rand::random());
        }
        self.last
    }

    /// Records a connection that worked for a while. A server that accepts every connection only to close it must not
    /// reset the delay.
    pub(super) fn record_success(&mut self, lasted: Duration) {
        if lasted >= self.last {
            self.failures = 0;
            self.last = Duration::ZERO;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_a_maximum_and_respect_the_server() {
        let milliseconds = Duration::from_millis;
        let mut backoff = Backoff::new((milliseconds(100), milliseconds(1000)));
        for limit in [100, 200, 400, 800, 1000, 1000] {
            let delay = backoff.next(Duration::ZERO);
            assert!(milliseconds(limit / 2) <= delay && delay <= milliseconds(limit), "{limit}: {delay:?}");
        }
        let requested = backoff.next(milliseconds(5000));
        assert!(milliseconds(5000) <= requested && requested <= milliseconds(5100), "{requested:?}");
        backoff.record_success(milliseconds(10));
        assert!(backoff.next(Duration::ZERO) >= milliseconds(500), "the connection was too short");
        backoff.record_success(milliseconds(1000));
        assert!(backoff.next(Duration::ZERO) <= milliseconds(100));
    }
}
