//! What a log holds: its recent messages in one queue, and by topic what that queue has moved past.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::batch::Batches;
use super::keys::Keys;
use super::memory::Usage;
use super::topic::Topic;
use super::{Inbox, Limits};
use crate::channel::{Channel, History};
use crate::wire::{LogKind, SharedText};

pub(super) struct State {
    /// The latest messages, in order, up to `head`.
    pub(super) recent: VecDeque<Message>,
    pub(super) recent_bytes: usize,
    /// The offset of the latest message; the first has 1.
    pub(super) head: u64,
    /// How many messages and text streams the channel has had.
    pub(super) count: u64,
    /// The bytes of all that is held, recent or not, and of the keys.
    pub(super) bytes: Usage,
    /// What was appended since publishers last gave way to readers, in bytes.
    pub(super) lead: usize,
    pub(super) topics: Box<[Topic]>,
    /// How much was lost since the storage last deleted it.
    pub(super) lost: usize,
    pub(super) keys: Keys,
    pub(super) parked: Vec<(Arc<Inbox>, u64)>,
    pub(super) batches: Batches,
    pub(super) last_used: Instant,
}

pub(super) struct Message {
    pub(super) offset: u64,
    pub(super) topic: usize,
    pub(super) rank: Rank,
    /// `None` means longer ago than this system's `Instant` can say.
    pub(super) published: Option<Instant>,
    pub(super) frame: SharedText,
}

/// Returns how long ago a message was published.
pub(super) fn age(published: Option<Instant>, now: Instant) -> Duration {
    published.map_or(Duration::MAX, |published| now.saturating_duration_since(published))
}

/// How many messages and text streams there had been, including this one, when a message was appended. All frames of
/// a text stream count as one, at its start.
#[derive(Clone, Copy)]
pub(super) struct Rank {
    pub(super) channel: u64,
    pub(super) topic: u64,
}

impl Rank {
    /// Whether a message of this rank is in the history of a channel that has had `count` messages.
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
            bytes: Usage::of(&limits.memory),
            lead: 0,
            topics: channel.definition().log_topics().map(Topic::new).collect(),
            lost: 0,
            keys: Keys::default(),
            parked: Vec::new(),
            batches: Batches::default(),
            last_used: Instant::now(),
        }
    }

    /// The offset of the oldest recent message, or of the next one to come.
    pub(super) fn first(&self) -> u64 {
        self.recent.front().map_or(self.head + 1, |message| message.offset)
    }

    /// Adds the next message.
    pub(super) fn admit(&mut self, offset: u64, topic: usize, published: Option<Instant>, frame: SharedText) {
        self.head = offset;
        let Some(state) = self.topics.get_mut(topic) else { return };
        if !state.is_stream || LogKind::StreamStart.is_of(&frame) || bug!(PiecesCounted) {
            self.count += 1;
            state.begin(offset);
        } else if state.count == 0 {
            self.count += 1;
            state.begin_without_start();
        }
        let rank = Rank { channel: self.count, topic: state.count };
        let message = Message { offset, topic, rank, published, frame };
        self.bytes.add(message.bytes());
        self.recent_bytes += message.bytes();
        self.recent.push_back(message);
    }

    /// Moves past the oldest recent message: its topic holds it.
    pub(super) fn move_on(&mut self) -> bool {
        let Some(message) = self.recent.pop_front() else { return false };
        let bytes = message.bytes();
        self.recent_bytes -= bytes;
        if let Some(topic) = self.topics.get_mut(message.topic) {
            self.bytes.add(topic.hold(message));
        }
        self.bytes.remove(bytes);
        true
    }

    pub(super) fn lose_old(&mut self, history: History, max_stream_bytes: usize, now: Instant) {
        for topic in &mut self.topics {
            let held = topic.held.len();
            self.bytes.remove(topic.lose_old(history, self.count, max_stream_bytes, now));
            self.lost += held - topic.held.len();
        }
    }

    pub(super) fn lose_first(&mut self, index: usize) -> bool {
        let freed = self.topics.get_mut(index).map_or(0, Topic::lose_first);
        self.bytes.remove(freed);
        self.lost += usize::from(freed > 0);
        freed > 0
    }

    /// Loses the oldest message that may be lost, but never the latest of all.
    pub(super) fn lose_oldest(&mut self) -> bool {
        let topics = self.topics.iter().enumerate();
        let oldest = topics.filter_map(|(index, topic)| Some((topic.first_to_lose()?, index))).min();
        match oldest {
            Some((_, index)) => self.lose_first(index),
            None => self.recent.len() > 1 && self.move_on(),
        }
    }
}
