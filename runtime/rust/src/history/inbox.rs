//! How a log tells a reader of many logs which of them to read.

use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

/// Collects the keys of the logs that a parked reader can read again. A log puts its
/// key once each time it was parked on, so there are never more keys than logs.
#[derive(Default)]
pub(crate) struct Inbox {
    keys: Mutex<Vec<u64>>,
    notify: Notify,
}

impl Inbox {
    pub(crate) fn put(&self, key: u64) {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).push(key);
        self.notify.notify_one();
    }

    /// Moves the keys that have arrived to the end of `keys`.
    pub(crate) fn take(&self, keys: &mut impl Extend<u64>) {
        keys.extend(self.keys.lock().unwrap_or_else(PoisonError::into_inner).drain(..));
    }

    /// Waits for a key. May come back without one.
    pub(crate) async fn wait(&self) {
        self.notify.notified().await;
    }
}
