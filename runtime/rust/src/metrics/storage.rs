//! The metrics of storages that several servers share.

#[cfg(feature = "nats")]
use std::collections::BTreeMap;
#[cfg(feature = "nats")]
use std::sync::{Mutex, PoisonError};
#[cfg(any(feature = "nats", feature = "postgres"))]
use std::time::Duration;

use ::metrics::{Unit, describe_counter, describe_gauge};
#[cfg(any(feature = "nats", feature = "postgres"))]
use ::metrics::{counter, gauge};

#[cfg(any(feature = "nats", feature = "postgres"))]
use super::totals;

/// The time since this process last had all messages of the storage, in seconds. With NATS, label `shard`, the number of
/// the stream.
pub const STORAGE_LAG: &str = "fanfare_storage_lag_seconds";

/// The number of NATS messages in a stream that this process has not received. Label `shard`, the number of the stream.
pub const STORAGE_LAG_MESSAGES: &str = "fanfare_storage_lag_messages";

/// Reads of messages that this process should have received from its subscription to a stream.
pub const STORAGE_MISSED_READS: &str = "fanfare_storage_missed_reads_total";

/// Connections to the storage that were lost.
pub const STORAGE_DISCONNECTS: &str = "fanfare_storage_disconnects_total";

/// Writes that the storage rejected because another process had written to the same channel. The process repeats them.
pub const STORAGE_CONFLICTS: &str = "fanfare_storage_conflicts_total";

pub(super) fn describe() {
    let lag = "The time since this process last had all messages of the storage.";
    describe_gauge!(STORAGE_LAG, Unit::Seconds, lag);
    describe_gauge!(
        STORAGE_LAG_MESSAGES,
        "The number of NATS messages in a stream that this process has not received."
    );
    describe_counter!(
        STORAGE_MISSED_READS,
        "Reads of messages that this process should have received from its subscription to a stream."
    );
    describe_counter!(STORAGE_DISCONNECTS, "Connections to the storage that were lost.");
    describe_counter!(
        STORAGE_CONFLICTS,
        "Writes that the storage rejected because another process had written to the same channel."
    );
}

#[cfg(feature = "postgres")]
pub(crate) fn set_storage_lag(lag: Duration) {
    gauge!(STORAGE_LAG).set(lag.as_secs_f64());
    totals::set(STORAGE_LAG, &[], lag.as_secs_f64());
}

#[cfg(feature = "nats")]
#[expect(clippy::cast_precision_loss, reason = "gauges may be rounded")]
pub(crate) fn set_shard_lag(shard: usize, lag: Duration, messages: u64) {
    let shard = shard_label(shard);
    gauge!(STORAGE_LAG, "shard" => shard).set(lag.as_secs_f64());
    gauge!(STORAGE_LAG_MESSAGES, "shard" => shard).set(messages as f64);
    totals::set(STORAGE_LAG, &[("shard", shard)], lag.as_secs_f64());
    totals::set(STORAGE_LAG_MESSAGES, &[("shard", shard)], messages as f64);
}

#[cfg(feature = "nats")]
pub(crate) fn record_missed_read() {
    counter!(STORAGE_MISSED_READS).increment(1);
    totals::add(STORAGE_MISSED_READS, &[], 1.0);
}

#[cfg(any(feature = "nats", feature = "postgres"))]
pub(crate) fn record_disconnect() {
    counter!(STORAGE_DISCONNECTS).increment(1);
    totals::add(STORAGE_DISCONNECTS, &[], 1.0);
}

#[cfg(any(feature = "nats", feature = "postgres"))]
pub(crate) fn record_conflict() {
    counter!(STORAGE_CONFLICTS).increment(1);
    totals::add(STORAGE_CONFLICTS, &[], 1.0);
}

/// Returns the number of a shard as a label, which is static.
#[cfg(feature = "nats")]
fn shard_label(shard: usize) -> &'static str {
    static LABELS: Mutex<BTreeMap<usize, &str>> = Mutex::new(BTreeMap::new());
    let mut labels = LABELS.lock().unwrap_or_else(PoisonError::into_inner);
    labels.entry(shard).or_insert_with(|| shard.to_string().leak())
}

#[cfg(all(test, feature = "nats"))]
mod tests {
    use super::*;

    #[test]
    fn each_shard_has_a_label() {
        for shard in [0, 1, 255, 256, 1_000] {
            assert_eq!(shard_label(shard), shard.to_string());
        }
        assert!(std::ptr::eq(shard_label(7), shard_label(7)));
    }
}
