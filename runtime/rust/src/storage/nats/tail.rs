//! Follows the blocks and checkpoints that other processes store.
//!
//! A stream republishes each message that it stores, with its sequence. This process has one subscription per shard,
//! for all channels. A republished message may be lost if a leader ends before it has sent the message, or if this
//! process does not keep up. So the follower compares sequences, asks the stream's leader for the last one at
//! intervals, and reads the messages that it missed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::Subscriber;
use futures_util::StreamExt;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::block::Block;
use super::channel::{Applied, TrackedChannel};
use super::checkpoint::Checkpoint;
use super::jetstream::{Stored, StreamState, deleted, no_connection, parse_stored};
use super::shard::Shard;
use super::{Shared, StorageError};
use crate::metrics;

/// The interval at which to ask for the last sequence of each stream.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The maximum number of missed messages to read. If a shard has missed more, its open channels are read one by one.
const MAX_MISSED: u64 = 5_000;

/// The time for which a replica may lag behind, or a newly elected leader may know less than its predecessor.
pub(super) const MAX_LAG: Duration = Duration::from_secs(2);

/// The number of attempts to read the blocks that a channel lacks.
const MAX_ATTEMPTS: usize = 500;

impl Shared {
    /// Subscribes to a shard.
    pub(super) async fn subscribe(&self, shard: usize) -> Result<Subscriber, StorageError> {
        let subject = format!("{}-live.{shard}.>", self.space);
        self.jetstream.client.subscribe(subject).await.map_err(no_connection)
    }

    /// Follows a shard until the storage is dropped.
    pub(super) async fn follow(self: Arc<Self>, shard: usize, mut messages: Subscriber) {
        while let Some(message) = messages.next().await {
            match parse_stored(message) {
                Ok(stored) => self.receive(shard, &stored).await,
                Err(error) => tracing::error!(%error, "failed to follow the storage"),
            }
        }
    }

    /// Asks for the last sequence of a shard until the storage is dropped, and reads the messages that have not
    /// arrived.
    pub(super) async fn poll(self: Arc<Self>, shard: usize) {
        let mut polls = interval(POLL_INTERVAL);
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut polled = Polled::default();
        loop {
            polls.tick().await;
            let caught_up = self.poll_once(shard, &mut polled).await;
            self.shards[shard].record_health(caught_up);
        }
    }

    async fn poll_once(self: &Arc<Self>, shard: usize, polled: &mut Polled) -> Result<(), StorageError> {
        let Shard { stream, seen, .. } = &self.shards[shard];
        let received = seen.load(Ordering::Relaxed);
        let Some(info) = self.jetstream.find_stream(stream, None).await? else {
            if polled.missing.lasts() {
                self.recreate_shard(shard).await?;
            }
            return Err(deleted(stream));
        };
        polled.missing = Missing::default();
        let StreamState { first_seq, last_seq, .. } = info.state;
        if first_seq > polled.last && polled.last > 0 {
            self.refresh_deleted(shard, first_seq).await?;
        }
        polled.last = last_seq;
        let lag = &self.shards[shard].lag;
        lag.record_answer(last_seq);
        if last_seq >= received {
            polled.lost = Missing::default();
        }
        let is_unfinished = !self.shards[shard].lost.lock().await.is_empty();
        if is_unfinished || last_seq < received && polled.lost.lasts() {
            self.compare_with_mark(shard).await?;
        }
        self.catch_up_to(shard, last_seq).await?;
        lag.record_current();
        Ok(())
    }

    /// Reads open channels again if their last block is before a sequence: the stream was purged, or was created again.
    async fn refresh_deleted(self: &Arc<Self>, shard: usize, first: u64) -> Result<(), StorageError> {
        for channel in &self.channels.list_open_in(shard) {
            let known = channel.lock().position.as_ref().map(|position| position.sequence);
            if known.is_some_and(|known| known < first) {
                skip_unreadable(self.refresh(channel, 0).await, channel.channel.name())?;
            }
        }
        Ok(())
    }

    /// Hands a republished message to its channel.
    pub(super) async fn receive(self: &Arc<Self>, shard: usize, stored: &Stored) {
        let seen = &self.shards[shard].seen;
        let known = seen.load(Ordering::Relaxed);
        if known + 1 < stored.sequence && known > 0 {
            // If this fails, the next poll tries again, because `seen` does not move past the missing message.
            let _ = self.read_missed(shard, stored.sequence).await;
        }
        match self.receive_stored(stored).await {
            Ok(()) => {
                let (before, after) = (stored.sequence - 1, stored.sequence);
                let _ = seen.compare_exchange(before, after, Ordering::Relaxed, Ordering::Relaxed);
            }
            // The next message or poll tries again, because `seen` does not move past this message.
            Err(error) => {
                tracing::error!(%error, subject = stored.subject, "failed to follow the storage");
            }
        }
    }

    /// Hands a stored message to its channel. Skips a message that cannot be read.
    async fn receive_stored(self: &Arc<Self>, stored: &Stored) -> Result<(), StorageError> {
        skip_unreadable(self.try_receive_stored(stored).await, &stored.subject)
    }

    async fn try_receive_stored(self: &Arc<Self>, stored: &Stored) -> Result<(), StorageError> {
        let mut tokens = stored.subject.rsplit('.');
        let (Some(token), Some(kind)) = (tokens.next(), tokens.next()) else { return Ok(()) };
        let Some(channel) = self.channels.find(token) else { return Ok(()) };
        if kind == "log" {
            let block = Block::decode(&stored.payload)?;
            match channel.apply(stored.sequence, &block) {
                Applied::Whole => self.trim_if_needed(&channel),
                Applied::Incomplete => self.refresh(&channel, stored.sequence).await?,
                // Opening the channel reads the block.
                Applied::Unread => {}
            }
        } else {
            // A checkpoint may cover messages that this process has not received.
            let head = channel.lock().position.as_ref().map(|position| position.head);
            let last = Checkpoint::decode(&stored.payload)?.head.last;
            if head.is_some_and(|head| head < last) {
                self.reload(&channel).await?;
            }
        }
        Ok(())
    }

    /// Hands the open logs of a shard everything that was confirmed until now.
    pub(super) async fn catch_up(self: &Arc<Self>, shard: usize) -> Result<(), StorageError> {
        let asked = Instant::now();
        let mut last = self.shards[shard].caught_up.lock().await;
        // While this call waited, another one may have begun and ended: its outcome counts for this one, too. If each
        // of many waiting calls failed on its own, the last one would wait for minutes.
        if let Some((began, outcome)) = &*last
            && *began >= asked
        {
            return outcome.clone();
        }
        let began = Instant::now();
        let outcome = self.catch_up_to_mark(shard).await;
        *last = Some((began, outcome.clone()));
        outcome
    }

    async fn catch_up_to_mark(self: &Arc<Self>, shard: usize) -> Result<(), StorageError> {
        let mark = self.compare_with_mark(shard).await?;
        self.catch_up_to(shard, mark).await
    }

    /// Waits for the messages up to a sequence, which may be on their way, and reads those that have not arrived.
    async fn catch_up_to(self: &Arc<Self>, shard: usize, last: u64) -> Result<(), StorageError> {
        let since = Instant::now();
        while self.shards[shard].seen.load(Ordering::Relaxed) < last {
            if since.elapsed() > Duration::from_millis(20) {
                return self.read_missed(shard, last).await;
            }
            sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }

    /// Reads the messages up to a sequence that have not arrived.
    async fn read_missed(self: &Arc<Self>, shard: usize, last: u64) -> Result<(), StorageError> {
        let Shard { stream, seen, .. } = &self.shards[shard];
        let since = Instant::now();
        loop {
            let known = seen.load(Ordering::Relaxed);
            if known >= last {
                return Ok(());
            }
            if last - known > MAX_MISSED {
                return self.refresh_shard(shard, last).await;
            }
            metrics::record_missed_read();
            let read =
                self.jetstream.read_from(stream, &format!("{}.{shard}.>", self.space), known + 1).await?;
            let (count, until) = (read.len(), read.last().map_or(known, |stored| stored.sequence));
            for stored in read {
                self.receive_stored(&stored).await?;
            }
            seen.fetch_max(until, Ordering::Relaxed);
            if count == 0 || until == known {
                // The replica that answered lags behind, or the messages were deleted.
                if since.elapsed() > MAX_LAG {
                    return self.refresh_shard(shard, last).await;
                }
                sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// Reads the missing blocks of the open channels of a shard, up to a sequence.
    async fn refresh_shard(self: &Arc<Self>, shard: usize, last: u64) -> Result<(), StorageError> {
        for channel in &self.channels.list_open_in(shard) {
            skip_unreadable(self.refresh(channel, last).await, channel.channel.name())?;
        }
        self.shards[shard].seen.fetch_max(last, Ordering::Relaxed);
        Ok(())
    }

    /// Reads the blocks of a channel that this process does not have, at least those up to a sequence.
    pub(super) async fn refresh(
        self: &Arc<Self>,
        channel: &Arc<TrackedChannel>,
        sequence: u64,
    ) -> Result<(), StorageError> {
        for _ in 0..MAX_ATTEMPTS {
            let known = channel.lock().position.as_ref().map(|position| (position.sequence, position.nonce));
            let Some((known, nonce)) = known else { return Ok(()) };
            let Some(last) = self.read_last_block(channel, sequence.max(known)).await? else {
                if known > 0 {
                    channel.lock().retire();
                }
                return Ok(());
            };
            if last.sequence == known && Block::decode_head(&last.payload)?.nonce == nonce {
                return Ok(());
            }
            if last.sequence <= known {
                return self.replace_lost(channel).await;
            }
            let block = Block::decode(&last.payload)?;
            if channel.apply(last.sequence, &block) == Applied::Incomplete {
                self.read_blocks(channel, known + 1).await?;
            }
        }
        Err(StorageError::new("a channel in NATS changes faster than it can be read"))
    }

    /// Hands a channel its blocks from a sequence on. If some are deleted, reads the whole channel.
    async fn read_blocks(
        self: &Arc<Self>,
        channel: &Arc<TrackedChannel>,
        sequence: u64,
    ) -> Result<(), StorageError> {
        let (stream, subject) = (self.stream_of(channel), self.log_subject(channel));
        let read = self.jetstream.read_from(stream, &subject, sequence).await?;
        if read.is_empty() {
            // The replica that answered lags behind.
            sleep(Duration::from_millis(20)).await;
        }
        for stored in read {
            match channel.apply(stored.sequence, &Block::decode(&stored.payload)?) {
                Applied::Whole => {}
                Applied::Incomplete => return self.reload(channel).await,
                Applied::Unread => return Ok(()),
            }
        }
        Ok(())
    }
}

/// Logs an unreadable message and skips it, so that the other channels of its shard receive theirs.
pub(super) fn skip_unreadable(outcome: Result<(), StorageError>, name: &str) -> Result<(), StorageError> {
    match outcome {
        Err(error) if error.is_unreadable() => {
            tracing::error!(%error, name, "skipped a message in NATS");
            Ok(())
        }
        outcome => outcome,
    }
}

/// The result of the last poll of a shard.
#[derive(Default)]
struct Polled {
    /// The last sequence of its stream, or 0 before the first poll.
    last: u64,
    missing: Missing,
    /// Received messages that the stream lacks.
    lost: Missing,
}

/// The time since which a stream or received messages have been missing, or `None` if they are not.
#[derive(Default)]
pub(super) struct Missing(Option<Instant>);

impl Missing {
    /// Records that they are missing. Returns `true` once it is certain that they are gone: a newly elected leader may
    /// not know them for a moment.
    pub(super) fn lasts(&mut self) -> bool {
        self.0.get_or_insert_with(Instant::now).elapsed() > MAX_LAG
    }
}
