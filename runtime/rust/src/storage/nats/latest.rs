//! Reads the last messages of channels, including all messages that this process has received, and all that were
//! confirmed before the read.
//!
//! A replica may lag behind its leader, and a server that was suspended or cut off may answer as the leader although
//! another server has been elected. So a read is valid only if the server that answered has stored all messages up to
//! some sequence. A *mark* determines this sequence: it is a message that a majority of the servers stores after
//! everything that was confirmed before.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep};

use super::channel::TrackedChannel;
use super::jetstream::{ELECTION, PAUSE, Publish, RequestFailure, Stored};
use super::shard::Shard;
use super::tail::MAX_LAG;
use super::trim::UNUSED_FOR;
use super::{Shared, StorageError};

/// The time for which to wait for a server that lags behind.
const TIMEOUT: Duration = Duration::from_secs(10);

impl Shared {
    /// Returns the last block of a channel. See [`read_latest`](Self::read_latest).
    pub(super) async fn read_last_block(
        &self,
        channel: &TrackedChannel,
        at_least: u64,
    ) -> Result<Option<Stored>, StorageError> {
        let log = self.log_subject(channel);
        let messages = self.read_latest(channel.shard, &[&log], at_least).await?;
        Ok(messages.into_iter().find(|stored| stored.subject == log))
    }

    /// Returns the last messages of subjects, from a server that has stored everything up to `at_least` and everything
    /// that this process has received. A mark may be among them.
    pub(super) async fn read_latest(
        &self,
        shard: usize,
        subjects: &[&str],
        at_least: u64,
    ) -> Result<Vec<Stored>, StorageError> {
        let (Shard { stream, seen, .. }, mark) = (&self.shards[shard], self.mark_subject(shard));
        let subjects = [subjects, &[&mark]].concat();
        let mut needed = at_least.max(seen.load(Ordering::Relaxed));
        let (since, mut has_mark, mut is_compared) = (Instant::now(), false, false);
        loop {
            match self.jetstream.read_last_of(stream, &subjects).await? {
                Some((messages, last)) if last >= needed => return Ok(messages),
                None if !has_mark => {
                    has_mark = true;
                    self.store_mark(shard).await?;
                    continue;
                }
                _ => {}
            }
            if !is_compared && since.elapsed() > MAX_LAG {
                is_compared = true;
                // If the stream has lost messages, it assigns their sequences again: a new mark has a lower sequence.
                needed = needed.min(self.store_mark(shard).await?);
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
        let publish = || Publish {
            subject: self.mark_subject(shard),
            follows: None,
            kept_for: UNUSED_FOR,
            replaces: true,
            payload: Bytes::new(),
        };
        let since = Instant::now();
        loop {
            match self.jetstream.publish(publish()).await {
                // Storing a mark twice does no harm.
                Err(RequestFailure::Unanswered(_)) if since.elapsed() < ELECTION => sleep(PAUSE).await,
                outcome => return outcome.map_err(RequestFailure::into_error),
            }
        }
    }

    /// Returns the subject of marks. No channel has its last token.
    fn mark_subject(&self, shard: usize) -> String {
        format!("{}.{shard}.checkpoint.=", self.space)
    }
}
