//! The memory that all logs together may use.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// The bytes of the messages in all logs of a hub.
pub(crate) struct MemoryBudget {
    bytes: AtomicUsize,
    max: usize,
    crowded: Notify,
}

impl MemoryBudget {
    pub(crate) fn new(max: usize) -> Self {
        Self { bytes: AtomicUsize::new(0), max, crowded: Notify::new() }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Returns whether logs that nobody uses must go, so that the logs in use need not be shortened.
    pub(crate) fn is_crowded(&self) -> bool {
        self.bytes() > self.max - self.max / 8
    }

    /// Waits until it may be crowded.
    pub(crate) async fn wait_until_crowded(&self) {
        self.crowded.notified().await;
    }
}

/// One log's share. It is released when the log is dropped.
pub(crate) struct Usage {
    bytes: usize,
    all: Arc<MemoryBudget>,
}

impl Usage {
    pub(crate) fn new(all: &Arc<MemoryBudget>) -> Self {
        Self { bytes: 0, all: Arc::clone(all) }
    }

    pub(crate) fn get(&self) -> usize {
        self.bytes
    }

    pub(crate) fn is_all_full(&self) -> bool {
        self.all.bytes() > self.all.max
    }

    pub(crate) fn add(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.all.bytes.fetch_add(bytes, Ordering::Relaxed);
        if self.all.is_crowded() {
            self.all.crowded.notify_one();
        }
    }

    pub(crate) fn remove(&mut self, bytes: usize) {
        self.bytes -= bytes;
        self.all.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Usage {
    fn drop(&mut self) {
        self.all.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
