//! The amount of work that waits for the writer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::StorageError;
use crate::metrics::{self, Limit};

/// The default for `max_queue_bytes`.
const MAX_QUEUE_BYTES: usize = 128 * 1024 * 1024;

/// The approximate bytes of a call, besides its texts.
const OVERHEAD: usize = 512;

/// The bytes of the calls that wait for the writer.
#[derive(Debug)]
pub(super) struct Queue {
    used: Arc<AtomicUsize>,
    max: usize,
}

/// A waiting call. It is counted until this is dropped.
pub(super) struct Reservation {
    used: Arc<AtomicUsize>,
    bytes: usize,
}

impl Default for Queue {
    fn default() -> Self {
        Self::new(MAX_QUEUE_BYTES)
    }
}

impl Queue {
    pub(super) fn new(max: usize) -> Self {
        metrics::limit_max(Limit::StorageQueueBytes, max);
        Self { used: Arc::default(), max }
    }

    /// Counts a call, or fails if too much is queued already. A call that is queued alone never fails.
    pub(super) fn try_reserve(&self, bytes: usize) -> Result<Reservation, StorageError> {
        let waiting = self.reserve(bytes);
        let used = self.used.load(Ordering::Relaxed);
        if used > self.max && used > waiting.bytes {
            metrics::limit_reached(Limit::StorageQueueBytes);
            let max = self.max;
            return Err(StorageError::new(format!(
                "the storage is busy: more than {max} bytes are waiting to be written; try again later"
            )));
        }
        Ok(waiting)
    }

    /// Counts a call that never fails, so that work in progress can finish.
    pub(super) fn reserve(&self, bytes: usize) -> Reservation {
        let bytes = bytes.saturating_add(OVERHEAD);
        let used = self.used.fetch_add(bytes, Ordering::Relaxed) + bytes;
        metrics::limit_used(Limit::StorageQueueBytes, used);
        Reservation { used: Arc::clone(&self.used), bytes }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let used = self.used.fetch_sub(self.bytes, Ordering::Relaxed) - self.bytes;
        metrics::limit_used(Limit::StorageQueueBytes, used);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_fails_while_too_much_is_queued_unless_it_is_alone() {
        let queue = Queue::new(10_000);
        let large = queue.try_reserve(20_000).unwrap();
        assert!(queue.try_reserve(1).err().unwrap().to_string().contains("the storage is busy"));
        drop(queue.reserve(20_000));
        drop(large);
        let waiting: Vec<_> = (0..4).map(|_| queue.try_reserve(1_500).unwrap()).collect();
        assert!(queue.try_reserve(1_500).is_err(), "what a call takes itself counts, too");
        drop(waiting);
        assert_eq!(queue.used.load(Ordering::Relaxed), 0);
    }
}
