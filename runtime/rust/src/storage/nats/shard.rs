//! Shards, which fail one by one: each stream has its own leader.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use super::StorageError;
use super::channel::TrackedChannel;
use super::lag::Lag;

/// A shard of the channels, which one stream stores.
pub(super) struct Shard {
    pub(super) stream: String,
    /// The sequence up to which this process has received everything.
    pub(super) seen: AtomicU64,
    pub(super) lag: Lag,
    /// The start of the last [`catch_up`](super::Shared::catch_up), and its outcome. A call holds the lock while it is
    /// in progress.
    pub(super) caught_up: tokio::sync::Mutex<Option<(Instant, Result<(), StorageError>)>>,
    /// The channels that are still to be compared, because the stream has lost messages.
    pub(super) lost: tokio::sync::Mutex<Vec<PossibleLoss>>,
    failure: Mutex<Option<StorageError>>,
}

/// A channel that may have lost messages.
pub(super) struct PossibleLoss {
    pub(super) channel: Arc<TrackedChannel>,
    /// Whether its last block is lost, although the stream may have assigned the sequence again.
    pub(super) is_certain: bool,
    /// The sequence up to which to read the channel.
    pub(super) mark: u64,
}

impl Shard {
    pub(super) fn new(stream: String) -> Self {
        Self {
            stream,
            seen: AtomicU64::new(0),
            lag: Lag::new(),
            caught_up: tokio::sync::Mutex::default(),
            lost: tokio::sync::Mutex::default(),
            failure: Mutex::default(),
        }
    }

    /// Returns an error if the last attempt to use the shard failed.
    pub(super) fn health(&self) -> Result<(), StorageError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone().map_or(Ok(()), Err)
    }

    pub(super) fn record_health(&self, outcome: Result<(), StorageError>) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(()) if failure.is_some() => {
                tracing::info!(stream = self.stream, "the storage works again");
                *failure = None;
            }
            Ok(()) => {}
            Err(error) => {
                if failure.is_none() {
                    tracing::error!(%error, stream = self.stream, "the storage failed");
                }
                *failure = Some(error);
            }
        }
    }
}
