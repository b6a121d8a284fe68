//! What a log holds of one topic.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::text::Text;
use super::{Message, Rank, age};
use crate::channel::{History, LogTopic};
use crate::wire::SharedText;

/// What a log holds of one topic beside its recent messages.
pub(super) struct Topic {
    /// What the recent messages have moved past and subscribers can still read, the oldest first.
    pub(super) held: VecDeque<Held>,
    held_bytes: usize,
    /// How many messages and streams it has had.
    pub(super) count: u64,
    /// The messages and streams that a new subscriber gets: the rank and the first offset of each.
    starts: VecDeque<(u64, u64)>,
    /// How many of them a new subscriber gets at once.
    pub(super) retained: u64,
    /// The offset of the latest message that is lost: no subscriber can have it any more.
    pub(super) gone: u64,
    /// The rank in the topic of what is lost, if it was lost here.
    gone_rank: u64,
    pub(super) is_stream: bool,
    /// Nobody misses earlier events of runs: the latest tells how a run stands.
    pub(super) is_run_events: bool,
}

/// One message, or pieces of a text stream.
pub(super) enum Held {
    Message(Message),
    Text(Text),
}

impl Topic {
    pub(super) fn new(logged: LogTopic) -> Self {
        Self {
            held: VecDeque::new(),
            held_bytes: 0,
            count: 0,
            starts: VecDeque::new(),
            retained: logged.retained(),
            gone: 0,
            gone_rank: 0,
            is_stream: logged.is_stream(),
            is_run_events: logged.is_run_events(),
        }
    }

    /// Forgets all, as if the topic were new.
    pub(super) fn clear(&mut self) {
        self.held.clear();
        self.starts.clear();
        (self.held_bytes, self.count, self.gone, self.gone_rank) = (0, 0, 0, 0);
    }

    /// Whether a new subscriber gets what has this rank.
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

    /// Counts a stream whose start is lost.
    pub(super) fn begin_without_start(&mut self) {
        self.count_one();
        self.gone_rank = self.count;
    }

    /// Counts a message that is lost before it is held.
    pub(super) fn begin_lost(&mut self, offset: u64) {
        self.count_one();
        (self.gone, self.gone_rank) = (offset, self.count);
    }

    fn count_one(&mut self) {
        self.count += 1;
        while self.starts.front().is_some_and(|(rank, _)| rank + self.retained <= self.count) {
            self.starts.pop_front();
        }
    }

    /// The offset before the first message that a new subscriber gets, if there is one. If any of them is lost, the
    /// offset before the latest lost one, so that the subscriber is told.
    pub(super) fn before_retained(&self) -> Option<u64> {
        if self.retained > 0 && self.has_lost_within(self.retained, self.count) && !self.is_run_events {
            return Some(self.gone - 1);
        }
        self.starts.front().map(|(_, offset)| offset - 1)
    }

    /// Whether any of `count` messages up to a rank in the topic is lost. After a restart, all that is lost has rank 0.
    pub(super) fn has_lost_within(&self, count: u64, rank: u64) -> bool {
        self.gone > 0 && self.gone_rank + count > rank
    }

    /// Holds a message that is not recent any more. Returns by how many bytes the topic grows.
    pub(super) fn hold(&mut self, message: Message) -> usize {
        let before = self.held_bytes;
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
            let text = if self.is_stream { Text::new(&message) } else { None };
            let held = text.map_or(Held::Message(message), Held::Text);
            self.held_bytes += held.bytes();
            self.held.push_back(held);
        }
        self.held_bytes - before
    }

    /// Loses what neither history nor the topic keeps any longer, `count` being how many messages the channel has had.
    /// Returns how many bytes that frees.
    pub(super) fn lose_old(
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
            self.lose_first();
        }
        before - self.held_bytes
    }

    /// The offset of the oldest message, if that may be lost for want of memory. A topic that retains keeps its latest
    /// message whatever happens.
    pub(super) fn first_to_lose(&self) -> Option<u64> {
        let first = self.held.front()?;
        let is_latest = !self.is_stream && first.rank().topic == self.count && self.retained > 0;
        (!is_latest).then(|| first.last())
    }

    /// Loses the oldest message. Returns how many bytes that frees.
    pub(super) fn lose_first(&mut self) -> usize {
        let Some(first) = self.held.pop_front() else { return 0 };
        self.gone = self.gone.max(first.last());
        self.gone_rank = self.gone_rank.max(first.rank().topic);
        self.held_bytes -= first.bytes();
        first.bytes()
    }

    /// The offset of the first held message after an offset.
    pub(super) fn next_after(&self, offset: u64) -> Option<u64> {
        self.held.get(self.held_until(offset))?.next_after(offset)
    }

    /// The first held message after the offset `after`, and of a text all pieces up to the offset `before`.
    pub(super) fn read(&self, after: u64, before: u64, epoch: u64) -> Option<(u64, SharedText)> {
        match self.held.get(self.held_until(after))? {
            Held::Message(message) => Some((message.offset, message.frame.clone())),
            Held::Text(text) => text.between(after, before, epoch),
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

    fn published(&self) -> Option<Instant> {
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

    fn last(&self) -> u64 {
        match self {
            Self::Message(message) => message.offset,
            Self::Text(text) => text.last(),
        }
    }

    pub(super) fn next_after(&self, offset: u64) -> Option<u64> {
        match self {
            Self::Message(message) => (message.offset > offset).then_some(message.offset),
            Self::Text(text) => text.next_after(offset),
        }
    }
}
