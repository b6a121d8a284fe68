//! Channels that another transaction has locked for longer than the writer waits.
//!
//! Their messages wait apart, in order, so that the other channels of the process are not delayed.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::types::Type;

use super::super::StorageError;
use super::super::connection::{Link, RequestError};
use super::super::logs::channel_id;
use super::{Append, MAX_BATCH, MAX_BATCH_BYTES, key_of};

/// How often to check whether the channels are still locked.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// How long a message waits before it fails.
const MAX_WAIT: Duration = Duration::from_secs(15);

/// The maximum bytes of the messages that wait. They count in the storage's queue, which other channels need.
const MAX_WAITING_BYTES: usize = 16 * 1024 * 1024;

/// Returns those of the given channels that are locked now, without waiting.
const FIND_LOCKED: &str = "
    WITH free AS MATERIALIZED (
        SELECT id FROM fanfare.channels WHERE id = ANY($1) FOR NO KEY UPDATE SKIP LOCKED
    )
    SELECT id FROM fanfare.channels WHERE id = ANY($1) AND id NOT IN (SELECT id FROM free)
";

#[derive(Default)]
pub(super) struct LockedChannels {
    /// By the id of the channel, in order.
    waiting: BTreeMap<i64, VecDeque<Append>>,
    bytes: usize,
    checked_at: Option<Instant>,
}

impl LockedChannels {
    /// Returns when to attempt the waiting messages again, or `None` if there are none.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        let checked_at = self.checked_at.unwrap_or_else(Instant::now);
        (!self.waiting.is_empty()).then_some(checked_at + RETRY_INTERVAL)
    }

    /// Keeps a message if its channel is locked. Otherwise returns it.
    pub(super) fn divert(&mut self, mut append: Append) -> Option<Append> {
        let Some(waiting) = self.waiting.get_mut(&channel_id(&append.entry.log)) else { return Some(append) };
        if self.bytes > MAX_WAITING_BYTES {
            fail(append, "another transaction has locked the channel, and too many messages wait for it");
        } else {
            self.bytes += append.entry.frame.len();
            append.locked_since = Some(Instant::now());
            waiting.push_back(append);
        }
        None
    }

    /// Keeps the messages of a batch whose channels are locked, and returns the others.
    pub(super) async fn set_apart(&mut self, link: &Link, batch: Vec<Append>) -> Vec<Append> {
        let mut channels: Vec<i64> = batch.iter().map(|append| channel_id(&append.entry.log)).collect();
        channels.dedup();
        // If there is one channel, it is the locked one.
        let locked = if channels.len() == 1 { Ok(channels) } else { find_locked(link, &channels).await };
        let locked = match locked {
            Ok(locked) => locked,
            Err(failure) => {
                for append in batch {
                    let _ = append.reply.send(Err(failure.error.clone().into()));
                }
                return Vec::new();
            }
        };
        let (apart, rest): (Vec<Append>, Vec<Append>) =
            batch.into_iter().partition(|append| locked.contains(&channel_id(&append.entry.log)));
        self.checked_at = Some(Instant::now());
        for mut append in apart.into_iter().rev() {
            self.bytes += append.entry.frame.len();
            append.locked_since.get_or_insert_with(Instant::now);
            // Messages of the channel that wait already are later ones.
            self.waiting.entry(channel_id(&append.entry.log)).or_default().push_front(append);
        }
        rest
    }

    /// Returns messages of channels that are no longer locked, as one batch. Messages that have waited too long fail.
    pub(super) async fn take_unlocked(&mut self, link: &Link) -> Vec<Append> {
        self.fail_old();
        self.checked_at = Some(Instant::now());
        let channels: Vec<i64> = self.waiting.keys().copied().collect();
        // If the database cannot be reached, they wait until they fail.
        let Ok(locked) = find_locked(link, &channels).await else { return Vec::new() };
        let (mut bytes, mut keys, mut batch) = (0, HashSet::new(), Vec::new());
        for channel in channels.into_iter().filter(|channel| !locked.contains(channel)) {
            let Some(waiting) = self.waiting.get_mut(&channel) else { continue };
            while let Some(first) = waiting.front()
                && batch.len() < MAX_BATCH
                && bytes < MAX_BATCH_BYTES
                && key_of(first).is_none_or(|key| keys.insert(key))
            {
                let Some(append) = waiting.pop_front() else { break };
                bytes += append.entry.frame.len();
                batch.push(append);
            }
        }
        self.bytes -= bytes;
        self.waiting.retain(|_, waiting| !waiting.is_empty());
        batch
    }

    fn fail_old(&mut self) {
        for waiting in self.waiting.values_mut() {
            let is_old =
                |append: &Append| append.locked_since.is_some_and(|since| since.elapsed() > MAX_WAIT);
            while waiting.front().is_some_and(is_old)
                && let Some(append) = waiting.pop_front()
            {
                self.bytes -= append.entry.frame.len();
                fail(append, "another transaction has locked the channel for too long");
            }
        }
        self.waiting.retain(|_, waiting| !waiting.is_empty());
    }
}

fn fail(append: Append, why: &str) {
    let _ = append.reply.send(Err(StorageError::new(why).into()));
}

async fn find_locked(link: &Link, channels: &[i64]) -> Result<Vec<i64>, RequestError> {
    let rows = link.query(FIND_LOCKED, &[(&channels, Type::INT8_ARRAY)]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
