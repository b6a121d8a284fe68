//! How much waits for the writer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::StorageError;
use crate::metrics::{self, Limit};

/// What a call takes beside its texts, about.
const OVERHEAD: usize = 512;

/// The bytes of the calls that wait for the writer.
#[derive(Debug)]
pub(super) struct Queue {
    used: Arc<AtomicUsize>,
    max: usize,
}

/// A call that waits, until it is dropped.
pub(super) struct Waiting {
    used: Arc<AtomicUsize>,
    bytes: usize,
}

impl Queue {
    pub(super) fn new(max: usize) -> Self {
        metrics::limit_max(Limit::StorageQueueBytes, max);
        Self { used: Arc::default(), max }
    }

    /// Counts a call, and refuses it if too much waits already. A call that waits alone is never refused.
    pub(super) fn enter(&self, bytes: usize) -> Result<Waiting, StorageError> {
        let waiting = self.enter_always(bytes);
        let used = self.used.load(Ordering::Relaxed);
        if used > self.max && used > waiting.bytes {
            metrics::limit_reached(Limit::StorageQueueBytes);
            let max = self.max;
            return Err(StorageError::new(format!(
                "the storage is busy: more than {max} bytes wait to be written; try again later"
            )));
        }
        Ok(waiting)
    }

    /// Counts a call that is never refused: what is under way can end.
    pub(super) fn enter_always(&self, bytes: usize) -> Waiting {
        let bytes = bytes.saturating_add(OVERHEAD);
        let used = self.used.fetch_add(bytes, Ordering::Relaxed) + bytes;
        metrics::limit_used(Limit::StorageQueueBytes, used);
        Waiting { used: Arc::clone(&self.used), bytes }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let used = self.used.fetch_sub(self.bytes, Ordering::Relaxed) - self.bytes;
        metrics::limit_used(Limit::StorageQueueBytes, used);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_refused_while_too_much_waits_unless_it_waits_alone() {
        let queue = Queue::new(10_000);
        let large = queue.enter(20_000).unwrap();
        assert!(queue.enter(1).err().unwrap().to_string().contains("the storage is busy"));
        drop(queue.enter_always(20_000));
        drop(large);
        let waiting: Vec<_> = (0..4).map(|_| queue.enter(1_500).unwrap()).collect();
        assert!(queue.enter(1_500).is_err(), "what a call takes itself counts, too");
        drop(waiting);
        assert_eq!(queue.used.load(Ordering::Relaxed), 0);
    }
}
