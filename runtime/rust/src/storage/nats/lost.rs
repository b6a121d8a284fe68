//! Detects streams that have lost messages, for example because the only replica lost power, or because an older copy
//! of the files was restored. Such a stream assigns the sequences of the lost messages again.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::shard::Shard;
use super::tail::skip_unreadable;
use super::{Shared, StorageError};

impl Shared {
    /// Stores a mark in the stream of a shard, and returns its sequence. If that shows that the stream has lost
    /// messages, reads the shard's open channels again.
    pub(super) async fn compare_with_mark(self: &Arc<Self>, shard: usize) -> Result<u64, StorageError> {
        let Shard { stream, seen, .. } = &self.shards[shard];
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
        // The positions, too, must be older than the mark with which they are compared.
        let mark = self.store_mark(shard).await?;
        let _ = seen.compare_exchange(received, mark, Ordering::Relaxed, Ordering::Relaxed);
        for (channel, sequence) in known {
            let is_lost = sequence >= mark;
            let is_current =
                channel.lock().position.as_ref().is_some_and(|position| position.sequence == sequence);
            let outcome = if is_lost && is_current {
                self.replace_lost(&channel, None).await
            } else {
                self.refresh(&channel, mark).await
            };
            skip_unreadable(outcome, channel.channel.name())?;
        }
        Ok(mark)
    }
}
