//! One log a channel. It is the channel's history, and all delivery reads it:
//! live, resumed and retained messages alike.
//!
//! A [`Place`] is a subscriber's cursor into it. Reading moves the cursor; where
//! there is nothing to read the subscriber is parked, under the same lock, so that
//! no message can fall between.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::time::Instant;

use crate::channel::{Channel, Retain};
use crate::wire::{DataFrame, MessageId, SharedText};

mod inbox;
mod place;

pub(crate) use inbox::Inbox;
pub(crate) use place::{Gap, Place};

/// About how much a reader takes in one turn.
pub(crate) const TURN_BYTES: usize = 32 * 1024;

/// The log of one channel.
pub(crate) struct Log {
    channel: Channel,
    life: u64,
    /// The most bytes of frames, whatever the definition allows.
    max_bytes: usize,
    state: Mutex<State>,
}

struct State {
    /// What history holds, without a hole, up to `head`.
    messages: VecDeque<Message>,
    /// The offset of the latest message; the first has 1.
    head: u64,
    bytes: usize,
    /// What was appended since publishers last gave way to readers.
    lead: Lead,
    topics: Box<[TopicState]>,
    parked: Vec<(Arc<Inbox>, u64)>,
    last_used: Instant,
}

#[derive(Clone)]
struct Message {
    offset: u64,
    topic: usize,
    published: Instant,
    frame: SharedText,
}

/// How far publishing has run ahead of readers that were ready to read.
#[derive(Default)]
struct Lead {
    messages: u32,
    bytes: usize,
}

impl Lead {
    /// Whether it is time to let readers have a turn: before half of what a reader takes
    /// in one turn, or a quarter of what history holds, has been appended.
    fn extend(&mut self, bytes: usize, history: u32) -> bool {
        self.messages += 1;
        self.bytes += bytes;
        let enough = self.messages >= history / 4 || self.bytes >= TURN_BYTES / 2;
        if enough {
            *self = Self::default();
        }
        enough
    }
}

#[derive(Default)]
struct TopicState {
    /// The latest message itself, where the topic retains it.
    retained: Option<Message>,
    /// The offset of the latest message that no subscriber can have any more.
    gone: u64,
}

/// What appending a message came to.
pub(crate) struct Appended {
    pub(crate) id: MessageId,
    /// Subscribers wait for a turn: publishing on and on would push messages out of
    /// history before they had one.
    pub(crate) crowded: bool,
}

impl Log {
    pub(crate) fn new(channel: Channel, life: u64, max_bytes: usize) -> Self {
        let topics = channel.definition().topics.iter().map(|_| TopicState::default()).collect();
        let state = State {
            messages: VecDeque::new(),
            head: 0,
            bytes: 0,
            lead: Lead::default(),
            topics,
            parked: Vec::new(),
            last_used: Instant::now(),
        };
        Self { channel, life, max_bytes, state: Mutex::new(state) }
    }

    pub(crate) fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Appends a message and wakes those who wait for one.
    pub(crate) fn append(&self, topic: usize, frame: DataFrame) -> Appended {
        let now = Instant::now();
        let mut state = self.lock();
        self.make_room(&mut state, frame.len(), now);
        state.head += 1;
        state.last_used = now;
        let id = self.id(state.head);
        // The clock is read under the lock: times ascend as ids do.
        let frame = frame.stamp(id, SystemTime::now());
        let message = Message { offset: state.head, topic, published: now, frame };
        let bytes = message.frame.as_str().len();
        state.bytes += bytes;
        let first = state.first();
        if let Some(topic_state) = state.topics.get_mut(topic)
            && self.channel.definition().topics[topic].retain == Retain::Last
        {
            let replaced = topic_state.retained.replace(message.clone());
            if let Some(replaced) = replaced.filter(|message| message.offset < first) {
                topic_state.gone = topic_state.gone.max(replaced.offset);
            }
        }
        state.messages.push_back(message);
        let crowded = state.lead.extend(bytes, self.channel.definition().history.messages);
        let parked = std::mem::take(&mut state.parked);
        drop(state);
        for (inbox, key) in parked {
            inbox.put(key);
        }
        Appended { id, crowded }
    }

    /// Forgets a reader that is gone, or that will read without being woken.
    pub(crate) fn unpark(&self, inbox: &Arc<Inbox>, key: u64) {
        let mut state = self.lock();
        state.last_used = Instant::now();
        state.parked.retain(|(parked, parked_key)| *parked_key != key || !Arc::ptr_eq(parked, inbox));
    }

    /// Drops what is too old. Tells whether anything is left, and for how long nobody has used it.
    pub(crate) fn tidy(&self) -> Idle {
        let now = Instant::now();
        let mut state = self.lock();
        self.expire(&mut state, now);
        let retained = state.topics.iter().filter_map(|topic| topic.retained.as_ref());
        let bytes = retained.map(|message| message.frame.as_str().len()).sum();
        Idle { empty: state.messages.is_empty(), last_used: state.last_used, bytes }
    }

    fn make_room(&self, state: &mut State, bytes: usize, now: Instant) {
        self.expire(state, now);
        let most = (self.channel.definition().history.messages as usize).max(1);
        while state.messages.len() >= most || state.bytes + bytes > self.max_bytes {
            if !state.drop_first() {
                break;
            }
        }
    }

    fn expire(&self, state: &mut State, now: Instant) {
        let age = self.channel.definition().history.age;
        while let Some(first) = state.messages.front() {
            if now.saturating_duration_since(first.published) <= age {
                break;
            }
            state.drop_first();
        }
    }

    fn id(&self, offset: u64) -> MessageId {
        MessageId::new(self.life, offset)
    }

    /// A thread that panicked cannot have left the log half changed: nothing in here panics.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The offset of the oldest message in history, or of the next one to come.
    fn first(&self) -> u64 {
        self.messages.front().map_or(self.head + 1, |message| message.offset)
    }

    /// Moves history past its oldest message.
    fn drop_first(&mut self) -> bool {
        let Some(message) = self.messages.pop_front() else {
            return false;
        };
        self.bytes = self.bytes.saturating_sub(message.frame.as_str().len());
        if let Some(topic) = self.topics.get_mut(message.topic) {
            let kept = topic.retained.as_ref().is_some_and(|kept| kept.offset == message.offset);
            if !kept {
                topic.gone = message.offset;
            }
        }
        true
    }
}

/// How much a log is worth keeping while nobody subscribes to it.
pub(crate) struct Idle {
    pub(crate) empty: bool,
    pub(crate) last_used: Instant,
    pub(crate) bytes: usize,
}
