//! Deletes messages that logs have evicted, and keeps used channels from expiring.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::block::Block;
use super::channel::TrackedChannel;
use super::checkpoint::{Checkpoint, KeptMessage, RecentBlock};
use super::jetstream::Publish;
use super::writer::AppendFailure;
use super::{Shared, StorageError};
use crate::channel::ChannelDefinition;

/// The number of messages that a log may evict before they are deleted from the stream, too.
const TRIM_THRESHOLD: usize = 128;

/// A channel that no process has open is deleted after this long, unless its history is longer. Once a day, processes
/// prevent the deletion of their open channels.
pub(super) const UNUSED_FOR: Duration = Duration::from_secs(9 * 86_400);
const KEEP_INTERVAL: Duration = Duration::from_secs(86_400);

/// The number of channels that are trimmed at once.
const MAX_TRIMS: usize = 16;

/// The time for which a checkpoint keeps the nonces of deleted blocks, in milliseconds. A writer looks for its own
/// block for a shorter time.
const RECENT: i64 = 60_000;

/// The messages of a channel to delete: for each topic, the offset up to which they are evicted.
pub(super) struct Trim {
    pub(super) channel: Arc<TrackedChannel>,
    evicted: Vec<(usize, u64)>,
}

impl TrackedChannel {
    /// Returns the time for which the server keeps messages of the channel unless they are deleted earlier.
    pub(super) fn kept_for(&self) -> Duration {
        UNUSED_FOR.max(self.definition().history.age.saturating_add(Duration::from_secs(2 * 86_400)))
    }
}

impl Shared {
    /// Requests the deletion of the messages that a channel's log has evicted, if there are enough of them.
    pub(super) fn trim_if_needed(&self, channel: &Arc<TrackedChannel>) {
        self.request_trim(channel, TRIM_THRESHOLD);
    }

    pub(super) fn request_trim(&self, channel: &Arc<TrackedChannel>, at_least: usize) {
        let Some(log) = channel.log() else { return };
        let evicted = log.take_evicted(at_least);
        if !evicted.is_empty() {
            let _ = self.trims.send(Trim { channel: Arc::clone(channel), evicted });
        }
    }

    /// Executes the requested deletions until the storage is dropped.
    pub(super) async fn follow_trims(self: Arc<Self>, trims: mpsc::UnboundedReceiver<Trim>) {
        let trims = stream::unfold(trims, async |mut trims| Some((trims.recv().await?, trims)));
        let trim = async |trim| {
            if let Err(error) = self.trim(trim).await {
                tracing::warn!(%error, "failed to delete messages from the storage");
            }
        };
        trims.for_each_concurrent(MAX_TRIMS, trim).await;
    }

    /// Deletes evicted messages: writes a checkpoint without them, then deletes the blocks that it covers.
    async fn trim(self: &Arc<Self>, trim: Trim) -> Result<(), StorageError> {
        let until = trim.evicted.iter().map(|(_, offset)| *offset).max().unwrap_or(0);
        self.write_checkpoint(&trim.channel, &trim.evicted, until).await
    }

    /// Ensures that the server keeps a channel that is open for a long time.
    pub(super) async fn keep(self: &Arc<Self>, channel: &Arc<TrackedChannel>) -> Result<(), AppendFailure> {
        let head = {
            let mut state = channel.lock();
            let is_due = state.kept_at.elapsed() > KEEP_INTERVAL && !state.is_writing;
            let Some(position) = state.position.as_ref().filter(|_| is_due) else { return Ok(()) };
            let head = position.next_head(self.now(), channel.channel.definition());
            // Other messages wait in the queue until this block is stored.
            state.is_writing = true;
            state.kept_at = Instant::now();
            head
        };
        let until = head.first - 1;
        // This block has no messages. It only replaces the last block, which a checkpoint does not cover.
        let kept = self.send(channel, &Block { head, frames: Vec::new() }, Instant::now()).await;
        self.write(channel).await;
        if kept? {
            self.write_checkpoint(channel, &[], until).await.map_err(AppendFailure::Retry)?;
        }
        Ok(())
    }

    /// Replaces blocks whose messages are all at or before an offset with a checkpoint: as many as it has room for.
    async fn write_checkpoint(
        self: &Arc<Self>,
        channel: &Arc<TrackedChannel>,
        evicted: &[(usize, u64)],
        until: u64,
    ) -> Result<(), StorageError> {
        let position = channel.lock().position.as_ref().map(|position| (position.epoch, position.sequence));
        let Some((epoch, last)) = position else { return Ok(()) };
        let (definition, now) = (channel.definition(), self.now());
        let stored = self.read_checkpoint(channel).await?;
        let (known, mut checkpoint) = stored.unwrap_or_default();
        if checkpoint.head.last >= until && !evicted.is_empty() {
            return Ok(());
        }
        checkpoint.evict(definition, evicted);
        let (stream, subject) = (self.stream_of(channel), self.log_subject(channel));
        let mut covered = 0;
        'blocks: loop {
            let read = self.jetstream.read_from(stream, &subject, checkpoint.head.sequence + 1).await?;
            if read.is_empty() {
                break;
            }
            for stored in read {
                let block = Block::decode(&stored.payload)?;
                let before = (checkpoint.head.sequence, checkpoint.head.nonce);
                if block.head.is_fork_of(before) && block.head.epoch == epoch {
                    // A checkpoint would hide it. Reading the channel begins a new epoch.
                    return self.reload(channel).await;
                }
                // The last block remains, because the next one must name its sequence.
                let is_covered = stored.sequence < last && block.last() <= until;
                if !is_covered || !checkpoint.has_room(&block, self.max_payload()) {
                    break 'blocks;
                }
                checkpoint.cover(stored.sequence, block, definition, evicted);
                covered += 1;
            }
        }
        if covered == 0 && !evicted.is_empty() {
            return Ok(());
        }
        {
            let state = channel.lock();
            let Some(position) = &state.position else { return Ok(()) };
            if position.epoch != checkpoint.head.epoch {
                return Ok(());
            }
            let keys = position.keys.list(checkpoint.head.last, now);
            checkpoint.head.keys = keys.map(|used| (used.key.into(), used.offset, used.time)).collect();
        }
        checkpoint.head.recent.retain(|block| now - block.time < RECENT);
        let before = checkpoint.head.sequence + 1;
        let publish = Publish {
            subject: self.checkpoint_subject(channel),
            follows: Some(known),
            kept_for: channel.kept_for(),
            replaces: true,
            payload: checkpoint.encode()?,
        };
        match self.jetstream.publish(publish).await {
            Ok(_) => self.jetstream.purge(stream, &subject, Some(before)).await,
            // Another process has just written one.
            Err(failure) if failure.is_wrong_sequence() => Ok(()),
            Err(failure) => Err(failure.into_error()),
        }
    }
}

impl Checkpoint {
    /// Removes messages that are evicted.
    fn evict(&mut self, definition: &ChannelDefinition, evicted: &[(usize, u64)]) {
        for (topic, offset) in evicted {
            self.add_evicted(definition.log_topic(*topic).name, *offset);
        }
        let is_kept = |message: &KeptMessage| is_kept(definition, evicted, &message.topic, message.offset);
        let mut frames = std::mem::take(&mut self.frames).into_iter();
        self.head.messages.retain(|message| {
            let frame = frames.next();
            let is_kept = is_kept(message);
            self.frames.extend(frame.filter(|_| is_kept));
            is_kept
        });
    }

    /// Adds the messages of a block that the log has not evicted.
    fn cover(
        &mut self,
        sequence: u64,
        block: Block,
        definition: &ChannelDefinition,
        evicted: &[(usize, u64)],
    ) {
        let Block { mut head, frames } = block;
        let is_hole = head.previous != self.head.sequence;
        let is_fork = head.is_fork_of((self.head.sequence, self.head.nonce));
        (self.head.sequence, self.head.nonce) = (sequence, head.nonce);
        if head.epoch < self.head.epoch {
            return;
        }
        if head.epoch > self.head.epoch {
            let last = head.last_continued();
            let continues = self.head.epoch > 0 && last > 0 && !is_hole;
            self.head.continues = continues.then_some((self.head.epoch, last));
            (self.head.epoch, self.head.is_forked) = (head.epoch, false);
            self.head.streams.interrupt();
        } else {
            self.head.is_forked |= is_fork;
        }
        if self.head.is_forked {
            head.first = self.head.last + 1;
        }
        if head.first != self.head.last + 1 {
            if !is_hole || head.first <= self.head.last {
                return;
            }
            // Blocks were deleted without a checkpoint.
            for topic in 0..=definition.run_events_index() {
                self.add_evicted(definition.log_topic(topic).name, head.first - 1);
            }
        }
        self.head.recent.push(RecentBlock::from(&head));
        self.head.last = head.first + frames.len() as u64 - 1;
        for ((offset, message), frame) in (head.first..).zip(head.messages).zip(frames) {
            self.head.streams.follow(message.topic.clone(), &frame);
            if is_kept(definition, evicted, &message.topic, offset) {
                self.head.messages.push(KeptMessage {
                    offset,
                    topic: message.topic,
                    time: head.time,
                    definition: head.definition.clone(),
                    bytes: frame.len(),
                });
                self.frames.push(frame);
            } else {
                self.add_evicted(&message.topic, offset);
            }
        }
    }

    fn add_evicted(&mut self, topic: &str, offset: u64) {
        match self.head.evicted.iter_mut().find(|(name, _)| name == topic) {
            Some((_, known)) => *known = offset.max(*known),
            None => self.head.evicted.push((topic.to_owned(), offset)),
        }
    }

    /// Returns whether a checkpoint with the messages of a block is small enough to be stored.
    fn has_room(&self, block: &Block, max: usize) -> bool {
        let kept: usize = self.frames.iter().map(String::len).sum();
        let added: usize = block.frames.iter().map(String::len).sum();
        // Each frame may begin a text stream, which the head lists, too.
        let heads = 384 * (self.frames.len() + block.frames.len() + self.head.streams.len());
        kept + added + heads + super::KEYS_BYTES < max
    }
}

/// Returns whether a message must be kept: if its topic is in the definition, and the log has not evicted it.
fn is_kept(definition: &ChannelDefinition, evicted: &[(usize, u64)], topic: &str, offset: u64) -> bool {
    let Some(topic) = definition.stored_topic(topic) else { return false };
    evicted.iter().all(|(evicted, until)| *evicted != topic || offset > *until)
}
