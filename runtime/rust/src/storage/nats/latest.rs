//! Reads the last messages of channels, including everything that this process has received, and everything that was
//! confirmed before.
//!
//! A server that was suspended or cut off may answer as the leader of a stream although another one leads it by now, and
//! a replica may lag behind its leader. So a read is valid only if the server that answered has stored enough. A
//! *mark* shows how much that is. It is a message that a majority of the servers stores after everything that was
//! confirmed before.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep};

use super::channel::TrackedChannel;
use super::jetstream::{Publish, RequestFailure, Stored};
use super::trim::UNUSED_FOR;
use super::{Shared, StorageError};

/// The time after which a server that lacks messages is compared with a new mark, because the stream may have lost them.
const MAX_LAG: Duration = Duration::from_secs(2);

/// The time for which to wait for a server that lags behind.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The last messages of a channel.
pub(super) struct Latest {
    pub(super) block: Option<Stored>,
    pub(super) checkpoint: Option<Stored>,
}

impl Shared {
    /// Reads the last messages of a channel from a server that has stored everything up to a sequence, and everything
    /// that this process has received.
    pub(super) async fn read_latest(
        &self,
        channel: &TrackedChannel,
        at_least: u64,
    ) -> Result<Latest, StorageError> {
        let stream = self.stream_of(channel);
        let (log, checkpoint) = (self.log_subject(channel), self.checkpoint_subject(channel));
        let mark = self.mark_subject(channel.shard);
        let mut needed = at_least.max(self.shards[channel.shard].seen.load(Ordering::Relaxed));
        let (since, mut is_compared) = (Instant::now(), false);
        loop {
            let read = self.jetstream.read_last_of(stream, &[&log, &checkpoint, &mark]).await?;
            let Some((messages, last)) = read else {
                self.store_mark(channel.shard).await?;
                continue;
            };
            if last >= needed {
                let mut latest = Latest { block: None, checkpoint: None };
                for stored in messages {
                    if stored.subject == log {
                        latest.block = Some(stored);
                    } else if stored.subject == checkpoint {
                        latest.checkpoint = Some(stored);
                    }
                }
                return Ok(latest);
            }
            if !is_compared && since.elapsed() > MAX_LAG {
                is_compared = true;
                // If the stream has lost messages, it assigns their sequences again.
                needed = needed.min(self.store_mark(channel.shard).await?);
            }
            if since.elapsed() > TIMEOUT {
                return Err(StorageError::new(
                    "the replicas of a NATS stream have not caught up with its leader in time",
                ));
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Stores a mark in the stream of a shard, in place of the last one, and returns its sequence.
    pub(super) async fn store_mark(&self, shard: usize) -> Result<u64, StorageError> {
        let publish = Publish {
            subject: self.mark_subject(shard),
            follows: None,
            kept_for: UNUSED_FOR,
            replaces: true,
            payload: Bytes::new(),
        };
        self.jetstream.publish(publish).await.map_err(RequestFailure::into_error)
    }

    /// Returns the subject of marks. Its last token is not the encoding of a channel.
    fn mark_subject(&self, shard: usize) -> String {
        format!("{}.{shard}.checkpoint.=", self.space)
    }
}
