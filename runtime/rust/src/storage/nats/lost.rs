//! Detects streams that have lost messages, for example because the only replica lost power, or because an older copy
//! of the files was restored. Such a stream assigns the sequences of the lost messages again.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::channel::{Link, Loaded, Position, TrackedChannel};
use super::shard::{PossibleLoss, Shard};
use super::tail::skip_unreadable;
use super::writer::AppendFailure;
use super::{Shared, StorageError};

/// The number of attempts to begin a new epoch. Other processes may append to the channel in the meantime.
const MAX_ATTEMPTS: usize = 50;

/// The number of channels that may fail before the others must wait for the next attempt.
const MAX_FAILURES: usize = 3;

impl Shared {
    /// Stores a mark in the stream of a shard, and returns its sequence. If that shows that the stream has lost
    /// messages, reads the shard's open channels again.
    pub(super) async fn compare_with_mark(self: &Arc<Self>, shard: usize) -> Result<u64, StorageError> {
        let Shard { stream, seen, lost, .. } = &self.shards[shard];
        let mut lost = lost.lock().await;
        if lost.is_empty() {
            let received = seen.load(Ordering::Relaxed);
            let mark = self.store_mark(shard).await?;
            // The received messages were stored before the mark. So if none is lost, the mark has a greater sequence.
            if mark > received {
                return Ok(mark);
            }
            tracing::error!(stream, "the NATS stream has lost messages");
            let mut known = Vec::new();
            for channel in self.channels.list_open_in(shard) {
                let sequence = channel.lock().position.as_ref().map(|position| position.sequence);
                known.extend(sequence.map(|sequence| (channel, sequence)));
            }
            // These positions, too, are from before the mark that they are compared with.
            let mark = self.store_mark(shard).await?;
            let _ = seen.compare_exchange(received, mark, Ordering::Relaxed, Ordering::Relaxed);
            lost.extend(known.into_iter().map(|(channel, sequence)| PossibleLoss {
                channel,
                is_certain: sequence >= mark,
                mark,
            }));
        }
        let mut failures = Vec::new();
        for _ in 0..lost.len() {
            // A channel remains in the list until it is done, even if this call fails or is dropped.
            let Some(PossibleLoss { channel, is_certain, mark }) = lost.last() else { break };
            let outcome = if *is_certain {
                self.replace_lost(channel).await
            } else {
                self.refresh(channel, *mark).await
            };
            if let Err(error) = skip_unreadable(outcome, channel.channel.name()) {
                // Others may succeed, but not if the stream has no leader.
                lost.rotate_right(1);
                failures.push(error);
                if failures.len() == MAX_FAILURES {
                    break;
                }
            } else {
                lost.pop();
            }
        }
        match failures.pop() {
            Some(error) => Err(error),
            None => self.store_mark(shard).await,
        }
    }

    /// Begins a new epoch of a channel if its stream lacks messages that the log has handed out. The ids of the
    /// messages that it still has remain valid.
    pub(super) async fn replace_lost(
        self: &Arc<Self>,
        channel: &Arc<TrackedChannel>,
    ) -> Result<(), StorageError> {
        for _ in 0..MAX_ATTEMPTS {
            let Some(known) = channel.lock().position.clone() else { return Ok(()) };
            // A server that has stored a mark has everything that was confirmed before, unless it is lost.
            let mark = self.store_mark(channel.shard).await?;
            let stored = self.load(channel, channel.definition(), mark).await?;
            let Some(stored) = stored.filter(|stored| stored.position.epoch == known.epoch) else {
                channel.lock().retire_epoch(known.epoch);
                return Ok(());
            };
            if !stored.lacks(&known) {
                return Ok(());
            }
            tracing::error!(
                channel = channel.channel.name(),
                "the NATS servers lost messages: the channel begins a new epoch"
            );
            // Until the epoch is stored, the known state remains, so that another call notices the loss again.
            self.begin_epoch(channel, Some((&stored.position, stored.last_common(&known))))
                .await
                .map_err(AppendFailure::into_error)?;
        }
        Err(StorageError::new("a channel in NATS changes faster than a new epoch can begin"))
    }
}

impl Link {
    /// Returns whether the stream has lost the last block of a position, and has this block or the one before it in its
    /// place.
    fn replaces(&self, known: &Position) -> bool {
        let is_other = |(sequence, nonce): (u64, u64)| sequence == known.sequence && nonce != known.nonce;
        let is_skipped = self.previous.0 < known.sequence && known.sequence < self.block.0;
        is_skipped || is_other(self.previous) || is_other(self.block)
    }
}

impl Loaded {
    /// Returns whether the stream has lost the last block of an earlier position.
    fn lacks(&self, known: &Position) -> bool {
        known.sequence > self.position.sequence || self.replaces(known)
    }

    /// Returns whether the stream has other blocks in place of the last one of a position.
    pub(super) fn replaces(&self, known: &Position) -> bool {
        if known.epoch != self.position.epoch || known.sequence > self.position.sequence {
            return false;
        }
        // The list lacks only the oldest blocks.
        let is_covered =
            self.blocks.iter().any(|block| block.epoch == known.epoch && block.first <= known.head);
        let is_known = |(nonce, _): &(u64, u64)| self.blocks.iter().any(|block| block.nonce == *nonce);
        is_covered && !known.recent.back().is_none_or(is_known)
            || self.links.iter().any(|link| link.replaces(known))
    }

    /// Returns the offset up to which the messages of an earlier position are stored.
    fn last_common(&self, known: &Position) -> u64 {
        let is_stored = |nonce: u64| {
            self.blocks.iter().any(|block| block.nonce == nonce)
                || self.links.iter().any(|link| link.previous.1 == nonce)
        };
        let common = known.recent.iter().rev().find(|(nonce, _)| is_stored(*nonce));
        common.map_or(0, |(_, offset)| *offset)
    }
}
