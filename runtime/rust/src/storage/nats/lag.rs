//! The lag of this process behind the streams.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use super::Shared;
use crate::metrics;
use crate::storage::remote_clock::steady_milliseconds;

/// The answers of the leader of a shard's stream. Times are steady milliseconds.
pub(super) struct Lag {
    /// The last sequence of the stream in the latest answer, and the time of this answer.
    last: AtomicU64,
    answered: AtomicI64,
    /// The time of the latest answer whose sequence this process has reached.
    current: AtomicI64,
}

impl Lag {
    pub(super) fn new() -> Self {
        let now = steady_milliseconds();
        Self { last: AtomicU64::new(0), answered: AtomicI64::new(now), current: AtomicI64::new(now) }
    }

    /// Records the last sequence that the leader has just answered.
    pub(super) fn record_answer(&self, last: u64) {
        self.last.store(last, Ordering::Relaxed);
        self.answered.store(steady_milliseconds(), Ordering::Relaxed);
    }

    /// Records that this process has reached the last sequence.
    pub(super) fn record_current(&self) {
        self.current.store(self.answered.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    fn messages(&self, seen: u64) -> u64 {
        self.last.load(Ordering::Relaxed).saturating_sub(seen)
    }

    fn duration(&self) -> Duration {
        let milliseconds = steady_milliseconds() - self.current.load(Ordering::Relaxed);
        Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0))
    }
}

impl Shared {
    pub(super) fn record_metrics(&self) {
        for (number, shard) in self.shards.iter().enumerate() {
            let messages = shard.lag.messages(shard.seen.load(Ordering::Relaxed));
            metrics::set_shard_lag(number, shard.lag.duration(), messages);
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::time::Instant;

    use fanfare_test_servers::nats::TestServer;

    use super::*;
    use crate::storage::{Messages, Nats};

    fn count(name: &str, shard: Option<&str>) -> f64 {
        let samples = metrics::samples();
        let is_wanted = |sample: &&metrics::MetricSample| {
            sample.name == name && sample.labels.get("shard").copied() == shard
        };
        samples.iter().find(is_wanted).map_or(0.0, |sample| sample.value)
    }

    async fn wait_until(condition: impl Fn() -> bool) {
        let since = Instant::now();
        while !condition() {
            assert!(since.elapsed() < Duration::from_secs(20));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_lag_grows_while_nothing_arrives() {
        let mut server = TestServer::start();
        let url = server.url();
        let mut nats = Nats::connect(&url).shards(1).await.unwrap();
        let lag = |nats: &Nats| {
            let shard = &nats.shared.shards[0];
            (shard.lag.messages(shard.seen.load(Ordering::Relaxed)), shard.lag.duration())
        };
        let client = async_nats::connect(&url).await.unwrap();
        let publish = async || {
            for _ in 0..3 {
                client.request("fanfare.0.log.x", "x".into()).await.unwrap();
            }
        };
        publish().await;
        let last = nats.shared.jetstream.stream_info("fanfare-0", None).await.unwrap().state.last_seq;
        wait_until(|| nats.shared.shards[0].seen.load(Ordering::Relaxed) == last).await;
        nats.tasks.abort_all();
        while nats.tasks.join_next().await.is_some() {}
        publish().await;
        let last = nats.shared.jetstream.stream_info("fanfare-0", None).await.unwrap().state.last_seq;
        nats.shared.shards[0].lag.record_answer(last);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(lag(&nats).0, 3);
        assert!(lag(&nats).1 >= Duration::from_millis(50));
        nats.record_metrics();
        assert!(count(metrics::STORAGE_LAG, Some("0")) > 0.0);
        let missed = count(metrics::STORAGE_MISSED_READS, None);
        nats.shared.catch_up(0).await.unwrap();
        assert_eq!(lag(&nats).0, 0);
        assert!(count(metrics::STORAGE_MISSED_READS, None) > missed);
        let disconnects = count(metrics::STORAGE_DISCONNECTS, None);
        server.kill("KILL");
        wait_until(|| count(metrics::STORAGE_DISCONNECTS, None) > disconnects).await;
    }
}
