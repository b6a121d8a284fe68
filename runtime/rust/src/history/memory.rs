//! How much memory all logs take together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// What all logs of a hub hold, in bytes of messages.
pub(crate) struct Memory {
    bytes: AtomicUsize,
    most: usize,
    crowded: Notify,
}

impl Memory {
    pub(crate) fn new(most: usize) -> Self {
        Self { bytes: AtomicUsize::new(0), most, crowded: Notify::new() }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether idle logs should go, so that those in use need not get shorter.
    pub(crate) fn is_crowded(&self) -> bool {
        self.bytes() > self.most - self.most / 8
    }

    /// Waits until it may be crowded.
    pub(crate) async fn crowded(&self) {
        self.crowded.notified().await;
    }
}

/// The part of one log. It is given back when the log goes.
pub(crate) struct Usage {
    bytes: usize,
    all: Arc<Memory>,
}

impl Usage {
    pub(crate) fn of(all: &Arc<Memory>) -> Self {
        Self { bytes: 0, all: Arc::clone(all) }
    }

    pub(crate) fn get(&self) -> usize {
        self.bytes
    }

    pub(crate) fn is_all_full(&self) -> bool {
        self.all.bytes() > self.all.most
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
