//! Reads the stored state of channels.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::block::{Block, stored_message};
use super::channel::{Link, Loaded, Position, Replaced, TrackedChannel};
use super::checkpoint::{Checkpoint, CheckpointHead, RecentBlock};
use super::jetstream::Stored;
use super::keys::{UsedKey, UsedKeys};
use super::writer::AppendFailure;
use super::{Shared, StorageError};
use crate::channel::ChannelDefinition;
use crate::clock::from_milliseconds;
use crate::history::{StoredLog, StoredMessage};
use crate::wire::MessageId;

/// The number of attempts to read a channel, in case it changes meanwhile or a lagging replica answers.
const MAX_ATTEMPTS: u32 = 40;

/// A stored message without its id and time.
pub(super) struct StoredFrame {
    pub(super) offset: u64,
    pub(super) topic: String,
    /// In milliseconds since 1970.
    pub(super) time: i64,
    pub(super) text: String,
}

/// The checkpoint of a channel and the blocks after it, in order, each with its sequence.
pub(super) struct ChannelParts {
    pub(super) checkpoint: Option<(u64, Checkpoint)>,
    pub(super) blocks: Vec<(u64, Block)>,
    /// The sequence of the last block that is stored, or 0 if there is none.
    pub(super) last: u64,
}

impl Shared {
    /// Reads the state of a channel, as a server has it that has stored everything up to a sequence. Returns `None` if
    /// it is not stored.
    pub(super) async fn load(
        &self,
        channel: &TrackedChannel,
        definition: &ChannelDefinition,
        at_least: u64,
    ) -> Result<Option<Loaded>, StorageError> {
        for attempt in 0..MAX_ATTEMPTS {
            let parts = self.read_parts(channel, at_least).await?;
            let lacks_blocks = parts.last == 0;
            let Some(loaded) = restore(channel, definition, parts, self.now()) else { return Ok(None) };
            // A checkpoint never covers the last block. So that block, and perhaps others, were deleted.
            let continues = if lacks_blocks {
                loaded.position.head
            } else if loaded.is_forked {
                // It is unknown which messages both have.
                0
            } else {
                return Ok(Some(loaded));
            };
            self.begin_epoch(channel, Some((&loaded.position, continues)))
                .await
                .map_err(AppendFailure::into_error)?;
            // Another process may have begun the epoch, or a replica does not have it yet.
            tokio::time::sleep(Duration::from_millis(u64::from(attempt * 5))).await;
        }
        Err(StorageError::new("a channel in NATS changes faster than a new epoch can begin"))
    }

    /// Returns the epoch and the stored messages of a channel, in order, or `None` if it is not stored.
    pub(super) async fn read_stored_frames(
        &self,
        channel: &TrackedChannel,
    ) -> Result<Option<(u64, Vec<StoredFrame>)>, StorageError> {
        let ChannelParts { checkpoint, blocks, .. } = self.read_parts(channel, 0).await?;
        if checkpoint.is_none() && blocks.is_empty() {
            return Ok(None);
        }
        let Checkpoint { head, frames } = checkpoint.map(|(_, checkpoint)| checkpoint).unwrap_or_default();
        let mut chain = Chain::after(&head);
        for (sequence, block) in blocks {
            chain.add(sequence, block);
        }
        let kept = head.messages.into_iter().zip(frames);
        let kept = kept.map(|(kept, text)| StoredFrame {
            offset: kept.offset,
            topic: kept.topic,
            time: kept.time,
            text,
        });
        let blocks = chain.blocks.into_iter().flat_map(|Block { head, frames }| {
            let messages = (head.first..).zip(head.messages).zip(frames);
            messages.map(move |((offset, message), text)| StoredFrame {
                offset,
                topic: message.topic,
                time: head.time,
                text,
            })
        });
        Ok(Some((chain.epoch, kept.chain(blocks).collect())))
    }

    async fn read_parts(
        &self,
        channel: &TrackedChannel,
        at_least: u64,
    ) -> Result<ChannelParts, StorageError> {
        let (log, checkpoint) = (self.log_subject(channel), self.checkpoint_subject(channel));
        let stream = self.stream_of(channel);
        let mut hole = None;
        for attempt in 0..MAX_ATTEMPTS {
            let subjects = [log.as_str(), checkpoint.as_str()];
            let latest = self.read_latest(channel.shard, &subjects, at_least).await?;
            let [last, checkpoint] =
                subjects.map(|subject| latest.iter().find(|stored| stored.subject == subject));
            let checkpoint = checkpoint.map(decode_checkpoint).transpose()?;
            let covered = checkpoint.as_ref().map_or(0, |(_, checkpoint)| checkpoint.head.sequence);
            let Some(last) = last else {
                return Ok(ChannelParts { checkpoint, blocks: Vec::new(), last: 0 });
            };
            let mut blocks: Vec<(u64, Block)> = Vec::new();
            // Any replica may answer, and a lagging one may lack the last block.
            while blocks.last().map_or(covered, |(sequence, _)| *sequence) < last.sequence {
                let from = blocks.last().map_or(covered, |(sequence, _)| *sequence) + 1;
                let read = self.jetstream.read_from(stream, &log, from).await?;
                if read.is_empty() {
                    break;
                }
                for stored in read {
                    blocks.push((stored.sequence, Block::decode(&stored.payload)?));
                }
            }
            let is_complete = blocks.last().map_or(covered, |(sequence, _)| *sequence) >= last.sequence;
            if is_complete {
                // If blocks were deleted meanwhile, the next attempt reads a newer checkpoint.
                let version = Some(checkpoint.as_ref().map_or(0, |(sequence, _)| *sequence));
                if is_linked(covered, &blocks) || hole == version {
                    // It may be newer than the last one that was read first.
                    let last = blocks.last().map_or(last.sequence, |(sequence, _)| *sequence);
                    return Ok(ChannelParts { checkpoint, blocks, last });
                }
                hole = version;
            }
            tokio::time::sleep(Duration::from_millis(u64::from(attempt.min(20) * 10))).await;
        }
        Err(StorageError::new("the replicas of a NATS stream have not caught up with its leader in time"))
    }

    /// Returns the checkpoint of a channel and its sequence.
    pub(super) async fn read_checkpoint(
        &self,
        channel: &TrackedChannel,
    ) -> Result<Option<(u64, Checkpoint)>, StorageError> {
        let subject = self.checkpoint_subject(channel);
        let Some(stored) = self.jetstream.read_last(self.stream_of(channel), &subject).await? else {
            return Ok(None);
        };
        decode_checkpoint(&stored).map(Some)
    }

    /// Reads a channel again, and replaces the messages of its log.
    pub(super) async fn reload(self: &Arc<Self>, channel: &Arc<TrackedChannel>) -> Result<(), StorageError> {
        for _ in 0..MAX_ATTEMPTS {
            let loading = channel.begin_loading();
            match self.load(channel, channel.definition(), 0).await? {
                None => {
                    channel.lock().retire();
                    return Ok(());
                }
                Some(loaded) => match loading.replace(loaded) {
                    Replaced::Done => {}
                    Replaced::Lost => return self.replace_lost(channel).await,
                },
            }
            drop(loading);
            if self.is_current(channel).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Returns whether a channel's log has the channel's last block.
    async fn is_current(&self, channel: &TrackedChannel) -> Result<bool, StorageError> {
        let last = self.read_last_block(channel, 0).await?;
        let known = channel.lock().position.as_ref().map(|position| position.sequence);
        Ok(known.is_some_and(|known| last.is_none_or(|last| last.sequence <= known)))
    }
}

fn decode_checkpoint(stored: &Stored) -> Result<(u64, Checkpoint), StorageError> {
    Ok((stored.sequence, Checkpoint::decode(&stored.payload)?))
}

/// Returns whether each block follows the one before it.
fn is_linked(covered: u64, blocks: &[(u64, Block)]) -> bool {
    let before = std::iter::once(covered).chain(blocks.iter().map(|(sequence, _)| *sequence));
    before.zip(blocks).all(|(before, (_, block))| block.head.previous == before)
}

/// Returns the state of a channel from its parts.
fn restore(
    channel: &TrackedChannel,
    definition: &ChannelDefinition,
    parts: ChannelParts,
    now: i64,
) -> Option<Loaded> {
    let ChannelParts { checkpoint, blocks, last } = parts;
    if checkpoint.is_none() && blocks.is_empty() {
        return None;
    }
    let Checkpoint { head, frames } = checkpoint.map(|(_, checkpoint)| checkpoint).unwrap_or_default();
    let mut chain = Chain::after(&head);
    let links = blocks.iter().map(|(sequence, block)| Link {
        previous: (block.head.previous, block.head.previous_nonce),
        block: (*sequence, block.head.nonce),
    });
    let links = links.collect();
    for (sequence, block) in blocks {
        chain.add(sequence, block);
    }
    let epoch = chain.epoch;
    let mut has_other_definition = false;
    let mut messages = Vec::new();
    let mut keys = UsedKeys::default();
    for (key, offset, time) in head.keys {
        if let Some(key) = key.to_key() {
            keys.add(UsedKey { key, offset, time });
        }
    }
    for (kept, frame) in head.messages.into_iter().zip(frames) {
        has_other_definition |= kept.definition != definition.fingerprint;
        let id = MessageId::new(epoch, kept.offset);
        messages.extend(stored_message(definition, id, &kept.topic, from_milliseconds(kept.time), frame));
    }
    let mut position = Position {
        epoch,
        head: head.last,
        sequence: last,
        nonce: if last == 0 { 0 } else { chain.nonce },
        recent: VecDeque::new(),
        time: 0,
        keys,
        streams: head.streams.convert(|topic| definition.stored_topic(&topic)),
    };
    let mut last_epoch = head.epoch;
    for block in &chain.blocks {
        has_other_definition |= !block.frames.is_empty() && block.head.definition != definition.fingerprint;
        position.time = position.time.max(block.head.time);
        if block.head.epoch > last_epoch {
            last_epoch = block.head.epoch;
            position.streams.interrupt();
        }
        position.add(block);
        for message in block.messages(epoch, definition) {
            position.follow_streams(definition, &message);
            messages.push(message);
        }
    }
    let stored = StoredLog {
        channel: channel.storage_handle(),
        epoch,
        continues: chain.continues.map(|(epoch, offset)| MessageId::new(epoch, offset)),
        head: chain.head,
        messages: after(messages, chain.gone),
        evicted: evicted(definition, &head.evicted, chain.gone),
        has_other_definition,
        now: from_milliseconds(now),
    };
    let blocks =
        head.recent.into_iter().chain(chain.blocks.iter().map(|block| RecentBlock::from(&block.head)));
    Some(Loaded { position, stored, blocks: blocks.collect(), links, is_forked: chain.is_forked })
}

/// Returns the messages after an offset.
fn after(mut messages: Vec<StoredMessage>, offset: u64) -> Vec<StoredMessage> {
    messages.retain(|message| message.offset > offset);
    messages
}

/// Returns the offsets up to which messages of topics are missing: the stored ones, and `gone` for all topics.
fn evicted(definition: &ChannelDefinition, stored: &[(String, u64)], gone: u64) -> Vec<(usize, u64)> {
    let of_topics =
        stored.iter().filter_map(|(name, offset)| Some((definition.stored_topic(name)?, *offset)));
    let all = (0..=definition.run_events_index()).map(|topic| (topic, gone));
    of_topics.chain(all.filter(|(_, offset)| *offset > 0)).collect()
}

/// The valid blocks of a channel. Every process must select the same ones, so that all see the same messages.
struct Chain {
    epoch: u64,
    continues: Option<(u64, u64)>,
    head: u64,
    sequence: u64,
    nonce: u64,
    /// Whether a block of the epoch follows another block than the stored one that has its sequence.
    is_forked: bool,
    /// The offset up to which messages may be missing, because blocks were deleted without a checkpoint.
    gone: u64,
    blocks: Vec<Block>,
}

impl Chain {
    fn after(checkpoint: &CheckpointHead) -> Self {
        let CheckpointHead { epoch, continues, last, sequence, nonce, is_forked, .. } = *checkpoint;
        Self { epoch, continues, head: last, sequence, nonce, is_forked, gone: 0, blocks: Vec::new() }
    }

    fn add(&mut self, sequence: u64, mut block: Block) {
        let is_hole = block.head.previous != self.sequence;
        let is_fork = block.head.is_fork_of((self.sequence, self.nonce));
        (self.sequence, self.nonce) = (sequence, block.head.nonce);
        if block.head.epoch < self.epoch {
            return;
        }
        if block.head.epoch > self.epoch {
            let last = block.head.last_continued();
            self.continues = (self.epoch > 0 && last > 0 && !is_hole).then_some((self.epoch, last));
            (self.epoch, self.is_forked) = (block.head.epoch, false);
        } else {
            self.is_forked |= is_fork;
        }
        if self.is_forked {
            // Its writer had other blocks before it. The ids of the epoch become invalid.
            block.head.first = self.head + 1;
        }
        if is_hole && block.head.first > self.head + 1 {
            self.gone = block.head.first - 1;
        } else if block.head.first != self.head + 1 {
            return;
        }
        self.head = block.last();
        self.blocks.push(block);
    }
}
