//! The contents of a log: one queue of recent messages, and older messages by topic.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Limits;
use super::batch::Batches;
use super::idempotency::UsedKeys;
use super::memory_budget::Usage;
use super::topic::Topic;
use super::waking::{Parked, ToWake, Waking};
use crate::channel::{Channel, History};
use crate::wire::{LogKind, SharedText};

pub(super) struct State {
    /// The latest messages, in order, up to `head`.
    pub(super) recent: VecDeque<Message>,
    pub(super) recent_bytes: usize,
    /// The offset of the latest message; the first has 1.
    pub(super) head: u64,
    /// The number of messages and text streams that the channel has had.
    pub(super) count: u64,
    /// The bytes of all messages, recent or not, and of the keys.
    pub(super) bytes: Usage,
    /// The bytes that were appended since publishers last yielded to readers.
    pub(super) lead: usize,
    pub(super) topics: Box<[Topic]>,
    /// The aliases of topics. Their indices as topic names follow those of the topics.
    pub(super) aliases: Box<[(usize, &'static str)]>,
    /// The number of messages evicted since the storage last deleted them.
    pub(super) evicted: usize,
    pub(super) keys: UsedKeys,
    pub(super) parked: Vec<Parked>,
    /// Readers that are yet to be woken. `None` until there were many.
    pub(super) waking: Option<Arc<Waking>>,
    pub(super) batches: Batches,
    pub(super) last_used: Instant,
}

pub(super) struct Message {
    pub(super) offset: u64,
    pub(super) topic: usize,
    pub(super) rank: Rank,
    /// `None` if it was published longer ago than an `Instant` can represent.
    pub(super) published: Option<Instant>,
    pub(super) frame: SharedText,
}

/// Returns how long ago a message was published.
pub(super) fn age(published: Option<Instant>, now: Instant) -> Duration {
    published.map_or(Duration::MAX, |published| now.saturating_duration_since(published))
}

/// The number of messages and text streams up to and including this one when it was appended. All frames of a text
/// stream count as one, at its start.
#[derive(Clone, Copy)]
pub(super) struct Rank {
    pub(super) channel: u64,
    pub(super) topic: u64,
}

impl Rank {
    /// Returns whether a message of this rank is in the history of a channel that has had `count` messages.
    pub(super) fn is_within(self, history: History, count: u64) -> bool {
        self.channel + u64::from(history.messages) > count
    }
}

impl Message {
    pub(super) fn bytes(&self) -> usize {
        self.frame.as_str().len()
    }
}

impl State {
    pub(super) fn new(channel: &Channel, limits: &Limits) -> Self {
        Self {
            recent: VecDeque::new(),
            recent_bytes: 0,
            head: 0,
            count: 0,
            bytes: Usage::new(&limits.memory),
            lead: 0,
            topics: channel.definition().log_topics().map(Topic::new).collect(),
            aliases: channel.definition().aliases().collect(),
            evicted: 0,
            keys: UsedKeys::default(),
            parked: Vec::new(),
            waking: None,
            batches: Batches::default(),
            last_used: Instant::now(),
        }
    }

    /// Returns the topic of a topic name.
    pub(super) fn topic_of(&self, name: usize) -> usize {
        let alias = name.checked_sub(self.topics.len()).and_then(|alias| self.aliases.get(alias));
        alias.map_or(name, |(topic, _)| *topic)
    }

    /// Returns the offset of the oldest recent message, or of the next message if there is none.
    pub(super) fn first(&self) -> u64 {
        self.recent.front().map_or(self.head + 1, |message| message.offset)
    }

    /// Adds the next message.
    pub(super) fn admit(&mut self, offset: u64, topic: usize, published: Option<Instant>, frame: SharedText) {
        self.head = offset;
        let Some(state) = self.topics.get_mut(topic) else { return };
        if !state.is_stream || LogKind::StreamStart.is_of(&frame) || bug!(ChunksCountedAsMessages) {
            self.count += 1;
            state.begin(offset);
        } else if state.count == 0 {
            // The channel does not count this stream: its start would come before all messages of the log.
            state.count_stream_without_start();
        }
        let rank = Rank { channel: self.count, topic: state.count };
        let message = Message { offset, topic, rank, published, frame };
        self.bytes.add(message.bytes());
        self.recent_bytes += message.bytes();
        self.recent.push_back(message);
    }

    /// Takes the parked readers. Most of them park again soon, so the list keeps room for them.
    pub(super) fn take_parked(&mut self) -> ToWake {
        let room = Vec::with_capacity(self.parked.len());
        ToWake::new(std::mem::replace(&mut self.parked, room), &mut self.waking)
    }

    /// Returns the index of the first recent message after an offset.
    pub(super) fn first_after(&self, offset: u64) -> usize {
        // Offsets ascend, so this is a lower bound, and exact unless offsets are missing.
        let unread = usize::try_from(self.head.saturating_sub(offset)).unwrap_or(usize::MAX);
        let bound = self.recent.len().saturating_sub(unread);
        match self.recent.get(bound) {
            Some(message) if message.offset <= offset => {
                self.recent.partition_point(|message| message.offset <= offset)
            }
            _ => bound,
        }
    }

    /// Moves the oldest recent message to its topic. Returns `false` if there is none.
    pub(super) fn move_oldest_to_topic(&mut self) -> bool {
        let Some(message) = self.recent.pop_front() else { return false };
        let bytes = message.bytes();
        self.recent_bytes -= bytes;
        if let Some(topic) = self.topics.get_mut(message.topic) {
            self.bytes.add(topic.hold(message));
        }
        self.bytes.remove(bytes);
        true
    }

    pub(super) fn evict_old(&mut self, history: History, max_stream_bytes: usize, now: Instant) {
        for topic in &mut self.topics {
            let held = topic.held.len();
            self.bytes.remove(topic.evict_old(history, self.count, max_stream_bytes, now));
            self.evicted += held - topic.held.len();
        }
    }

    pub(super) fn evict_first(&mut self, index: usize) -> bool {
        let freed = self.topics.get_mut(index).map_or(0, Topic::evict_first);
        self.bytes.remove(freed);
        self.evicted += usize::from(freed > 0);
        freed > 0
    }

    /// Evicts a message before it is held. It still counts, so that no earlier message takes its place in the
    /// history.
    pub(super) fn refuse(&mut self, offset: u64, topic: usize) {
        self.count += 1;
        self.evicted += 1;
        self.topics[topic].count_evicted(offset);
    }

    /// Drops the messages of a topic that are older than its latest evicted one. Subscribers receive a single gap in
    /// place of all of them.
    pub(super) fn drop_before_evicted(&mut self, index: usize) {
        let until = self.topics[index].evicted;
        let before = self.recent.len();
        let mut dropped = 0;
        self.recent.retain(|message| {
            let is_kept = message.topic != index || message.offset > until;
            dropped += if is_kept { 0 } else { message.bytes() };
            is_kept
        });
        self.recent_bytes -= dropped;
        self.bytes.remove(dropped);
        self.evicted += before - self.recent.len();
        while self.topics[index].held.front().is_some_and(|held| held.last() <= until) {
            self.evict_first(index);
        }
    }

    /// Evicts the oldest message that may be evicted, but never the latest one of all.
    pub(super) fn evict_oldest(&mut self) -> bool {
        let topics = self.topics.iter().enumerate();
        let oldest = topics.filter_map(|(index, topic)| Some((topic.first_evictable()?, index))).min();
        match oldest {
            Some((_, index)) => self.evict_first(index),
            None => self.recent.len() > 1 && self.move_oldest_to_topic(),
        }
    }
}
