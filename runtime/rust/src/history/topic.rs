//! The messages of one topic.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::text_block::TextBlock;
use super::{Message, Rank, age};
use crate::channel::{History, LogTopic};
use crate::wire::SharedText;

/// The older messages of one topic. Recent ones are in the log's queue.
pub(super) struct Topic {
    /// Messages that have left the recent queue and that subscribers can still read, oldest first.
    pub(super) held: VecDeque<Held>,
    held_bytes: usize,
    /// The number of held messages and chunks.
    pub(super) held_frames: usize,
    /// The number of messages and streams that the topic has had.
    pub(super) count: u64,
    /// The retained messages and streams: the rank and the first offset of each.
    starts: VecDeque<(u64, u64)>,
    /// The maximum number of retained messages and streams.
    pub(super) retained: u64,
    /// The offset of the latest evicted message. No subscriber can receive it any more.
    pub(super) evicted: u64,
    /// The rank of the latest evicted message in the topic, or 0 if it was evicted before a restart.
    evicted_rank: u64,
    pub(super) is_stream: bool,
    /// Missing run events are not a gap: the latest event has the run's status.
    pub(super) is_run_events: bool,
}

/// One message, or joined chunks of a text stream.
pub(super) enum Held {
    Message(Message),
    Text(TextBlock),
}

impl Topic {
    pub(super) fn new(logged: LogTopic) -> Self {
        Self {
            held: VecDeque::new(),
            held_bytes: 0,
            held_frames: 0,
            count: 0,
            starts: VecDeque::new(),
            retained: logged.retained(),
            evicted: 0,
            evicted_rank: 0,
            is_stream: logged.is_stream(),
            is_run_events: logged.is_run_events(),
        }
    }

    /// Resets the topic.
    pub(super) fn clear(&mut self) {
        self.held.clear();
        self.starts.clear();
        (self.held_bytes, self.held_frames, self.count) = (0, 0, 0);
        (self.evicted, self.evicted_rank) = (0, 0);
    }

    /// Returns whether a message of this rank is retained.
    pub(super) fn retains(&self, rank: Rank) -> bool {
        rank.topic + self.retained > self.count
    }

    /// Counts a message or a stream that begins at an offset.
    pub(super) fn begin(&mut self, offset: u64) {
        self.count_one();
        if self.retained > 0 {
            self.starts.push_back((self.count, offset));
        }
    }

    /// Counts a stream whose start was evicted.
    pub(super) fn count_stream_without_start(&mut self) {
        self.count_one();
        self.evicted_rank = self.count;
    }

    /// Counts a message that is evicted before it is held.
    pub(super) fn count_evicted(&mut self, offset: u64) {
        self.count_one();
        (self.evicted, self.evicted_rank) = (offset, self.count);
    }

    fn count_one(&mut self) {
        self.count += 1;
        while self.starts.front().is_some_and(|(rank, _)| rank + self.retained <= self.count) {
            self.starts.pop_front();
        }
    }

    /// Returns the offset before the first retained message. If any of them was evicted, returns the offset before the
    /// latest evicted one, so that the subscriber receives a gap.
    pub(super) fn before_retained(&self) -> Option<u64> {
        if self.retained > 0 && self.has_evicted_within(self.retained, self.count) && !self.is_run_events {
            return Some(self.evicted - 1);
        }
        self.starts.front().map(|(_, offset)| offset - 1)
    }

    /// Returns whether any of the `count` messages up to a rank was evicted. After a restart, evicted messages have
    /// rank 0.
    pub(super) fn has_evicted_within(&self, count: u64, rank: u64) -> bool {
        self.evicted > 0 && self.evicted_rank + count > rank
    }

    /// Stores a message that has left the recent queue. Returns the number of bytes by which the topic grows.
    pub(super) fn hold(&mut self, message: Message) -> usize {
        let before = self.held_bytes;
        self.held_frames += 1;
        let joined = match self.held.back_mut() {
            Some(Held::Text(text)) if self.is_stream => {
                let bytes = text.bytes();
                text.join(&message).then(|| text.bytes() - bytes)
            }
            _ => None,
        };
        if let Some(bytes) = joined {
            self.held_bytes += bytes;
        } else {
            let text = if self.is_stream { TextBlock::new(&message) } else { None };
            let held = text.map_or(Held::Message(message), Held::Text);
            self.held_bytes += held.bytes();
            self.held.push_back(held);
        }
        self.held_bytes - before
    }

    /// Evicts messages that neither the history nor the topic keeps. `count` is the number of messages that the
    /// channel has had. Returns the number of bytes freed.
    pub(super) fn evict_old(
        &mut self,
        history: History,
        count: u64,
        max_stream_bytes: usize,
        now: Instant,
    ) -> usize {
        let before = self.held_bytes;
        while let Some(first) = self.held.front() {
            let rank = first.rank();
            let is_in_history = rank.is_within(history, count) && age(first.published(), now) <= history.age;
            let fits = !self.is_stream || self.held_bytes <= max_stream_bytes;
            if fits && (is_in_history || self.retains(rank)) {
                break;
            }
            self.evict_first();
        }
        before - self.held_bytes
    }

    /// Returns the offset of the oldest message, if it may be evicted to free memory. A retaining topic never loses
    /// its latest message.
    pub(super) fn first_evictable(&self) -> Option<u64> {
        let first = self.held.front()?;
        let is_latest = !self.is_stream && first.rank().topic == self.count && self.retained > 0;
        (!is_latest).then(|| first.last())
    }

    /// Evicts the oldest message. Returns the number of bytes freed.
    pub(super) fn evict_first(&mut self) -> usize {
        let Some(first) = self.held.pop_front() else { return 0 };
        self.evicted = self.evicted.max(first.last());
        self.evicted_rank = self.evicted_rank.max(first.rank().topic);
        self.held_bytes -= first.bytes();
        self.held_frames -= first.offsets().count();
        first.bytes()
    }

    /// Returns the offset of the first held message after an offset.
    pub(super) fn next_after(&self, offset: u64) -> Option<u64> {
        self.held.get(self.held_until(offset))?.next_after(offset)
    }

    /// Returns the first held message after the offset `after`. A text is joined up to the offset `before`.
    pub(super) fn read(&self, after: u64, before: u64, epoch: u64) -> Option<(u64, SharedText)> {
        match self.held.get(self.held_until(after))? {
            Held::Message(message) => Some((message.offset, message.frame.clone())),
            Held::Text(text) => text.join_range(after, before, epoch),
        }
    }

    fn held_until(&self, offset: u64) -> usize {
        self.held.partition_point(|held| held.last() <= offset)
    }
}

impl Held {
    pub(super) fn rank(&self) -> Rank {
        match self {
            Self::Message(message) => message.rank,
            Self::Text(text) => text.rank,
        }
    }

    pub(super) fn published(&self) -> Option<Instant> {
        match self {
            Self::Message(message) => message.published,
            Self::Text(text) => text.published,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Message(message) => message.bytes(),
            Self::Text(text) => text.bytes(),
        }
    }

    pub(super) fn first(&self) -> u64 {
        self.next_after(0).unwrap_or(0)
    }

    pub(super) fn last(&self) -> u64 {
        match self {
            Self::Message(message) => message.offset,
            Self::Text(text) => text.last(),
        }
    }

    /// Returns the offsets of the message, or of the chunks.
    pub(super) fn offsets(&self) -> Box<dyn Iterator<Item = u64> + '_> {
        match self {
            Self::Message(message) => Box::new(std::iter::once(message.offset)),
            Self::Text(text) => Box::new(text.offsets()),
        }
    }

    pub(super) fn next_after(&self, offset: u64) -> Option<u64> {
        match self {
            Self::Message(message) => (message.offset > offset).then_some(message.offset),
            Self::Text(text) => text.next_after(offset),
        }
    }
}
