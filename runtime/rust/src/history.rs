//! The log of a channel. All delivery reads it: live, resumed and retained messages alike.
//!
//! A log has two parts. Its recent messages are in one queue, in order, which subscribers that keep up read from.
//! What the queue has moved past is held by topic, for as long as the channel's history or the topic's `retain` asks
//! for it: there, the pieces of a text stream are joined.
//!
//! A [`Place`] is a subscriber's cursor into the log. Reading moves the cursor. If there is nothing to read, the
//! subscriber is parked under the same lock, so it cannot miss a message.
//!
//! If the hub has a storage, the storage puts messages in order and hands each one to the log after its commit.
//! Without a storage, the log puts them in order itself.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::channel::Channel;
use crate::clock;
use crate::metrics;
use crate::wire::{DataFrame, MessageId, SharedText};

mod batch;
mod inbox;
mod kept;
mod keys;
mod memory;
mod open_stream;
mod place;
mod read;
mod retired;
mod state;
#[cfg(test)]
mod tests;
mod text;
mod topic;

pub(crate) use batch::Batch;
pub(crate) use inbox::Inbox;
pub(crate) use kept::{Kept, KeptMessage};
#[cfg(feature = "sqlite")]
pub(crate) use keys::{KEY_AGE, MAX_KEYS};
pub(crate) use keys::{Key, KeyReused};
pub(crate) use memory::Memory;
pub(crate) use open_stream::OpenStream;
pub(crate) use place::{Gap, Place};

use state::{Message, Rank, State, age};
use topic::{Held, Topic};

/// About how much a reader takes in one turn.
pub(crate) const TURN_BYTES: usize = 32 * 1024;

/// A message stays recent for this time, up to this many bytes, however short the history is. So a burst does not
/// run ahead of subscribers that read as fast as they can. Subscribers that come later do not get such messages.
const LIVE_TIME: Duration = Duration::from_secs(5);
const LIVE_BYTES: usize = 1024 * 1024;

/// The log of one channel.
pub(crate) struct Log {
    channel: Channel,
    life: u64,
    /// What the storage calls the channel.
    row: Option<i64>,
    limits: Limits,
    is_retired: AtomicBool,
    state: Mutex<State>,
}

/// What logs may hold, whatever definitions allow.
#[derive(Clone)]
pub(crate) struct Limits {
    /// The most bytes of messages of one channel.
    pub(crate) max_channel_bytes: usize,
    /// The most bytes of one topic's text streams, beside the channel's recent messages.
    pub(crate) max_stream_bytes: usize,
    /// What all logs hold together.
    pub(crate) memory: Arc<Memory>,
}

impl Limits {
    /// No limits, for a log that nobody subscribes to.
    #[cfg(feature = "sqlite")]
    pub(crate) fn none() -> Self {
        let memory = Arc::new(Memory::new(usize::MAX));
        Self { max_channel_bytes: usize::MAX, max_stream_bytes: usize::MAX, memory }
    }
}

/// What appending a message came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Appended {
    pub(crate) id: MessageId,
    /// The key was used before: nothing was appended, and the id is the earlier message's.
    pub(crate) repeated: bool,
    /// Subscribers wait for a turn: publishing on and on would push messages out of
    /// history before they had one.
    pub(crate) crowded: bool,
}

impl Log {
    /// The log of a channel of which nothing is kept.
    pub(crate) fn new(channel: Channel, life: u64, limits: &Limits) -> Self {
        let state = Mutex::new(State::new(&channel, limits));
        let is_retired = AtomicBool::new(false);
        Self { channel, life, row: None, limits: limits.clone(), is_retired, state }
    }

    fn of_row(self, row: i64) -> Self {
        Self { row: Some(row), ..self }
    }

    pub(crate) fn channel(&self) -> &Channel {
        &self.channel
    }

    pub(crate) fn life(&self) -> u64 {
        self.life
    }

    /// What the storage calls the channel.
    pub(crate) fn row(&self) -> Option<i64> {
        self.row
    }

    /// Appends a message, unless its key was used before, and wakes those who wait for one.
    pub(crate) fn append(
        &self,
        topic: usize,
        frame: DataFrame,
        key: Option<Key>,
    ) -> Result<Appended, KeyReused> {
        let now = Instant::now();
        let mut state = self.lock();
        let offset = state.head + 1;
        if let Some(key) = key {
            let State { keys, bytes, .. } = &mut *state;
            if let Some(earlier) = keys.find(key, now, bytes)? {
                return Ok(Appended { id: self.id(earlier), repeated: true, crowded: false });
            }
            keys.remember(key, offset, now, bytes);
        }
        // The clock is read under the lock: times ascend as ids do.
        let frame = frame.stamp(self.id(offset), clock::now());
        let crowded = self.push(state, offset, topic, now, frame);
        Ok(Appended { id: self.id(offset), repeated: false, crowded })
    }

    /// Takes a message that the storage has kept, and wakes those who wait for one.
    pub(crate) fn take(&self, message: KeptMessage) {
        let KeptMessage { offset, topic, frame, .. } = message;
        self.push(self.lock(), offset, topic, Instant::now(), frame);
    }

    /// Moves on to an offset. What the channel has up to there is of topics that the definition does not have.
    #[cfg(feature = "sqlite")]
    pub(crate) fn skip_to(&self, offset: u64) {
        let mut state = self.lock();
        state.head = state.head.max(offset);
    }

    /// Returns whether publishers should give way to readers.
    fn push(
        &self,
        mut state: MutexGuard<'_, State>,
        offset: u64,
        topic: usize,
        now: Instant,
        frame: SharedText,
    ) -> bool {
        state.last_used = now;
        state.lead += frame.as_str().len();
        let crowded = state.lead >= TURN_BYTES / 2;
        if crowded {
            state.lead = 0;
        }
        state.admit(offset, topic, Some(now), frame);
        self.make_room(&mut state, now);
        let parked = std::mem::take(&mut state.parked);
        drop(state);
        metrics::record_publish();
        wake(parked);
        crowded
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
        self.make_room(&mut state, now);
        state.batches.clear();
        let State { keys, bytes, .. } = &mut *state;
        keys.forget_old(now, bytes);
        let has_keys = !keys.is_empty();
        Idle { empty: state.recent.is_empty(), has_keys, last_used: state.last_used }
    }

    /// Loses all messages, and keeps the keys.
    pub(crate) fn lose_messages(&self) {
        let mut state = self.lock();
        while state.move_on() {}
        for index in 0..state.topics.len() {
            while state.lose_first(index) {}
        }
    }

    /// The offset of the latest message.
    pub(crate) fn head(&self) -> u64 {
        self.lock().head
    }

    /// If at least so many messages were lost since the last time: the offset up to which each topic's are lost. The
    /// storage need not keep them.
    pub(crate) fn take_lost(&self, at_least: usize) -> Vec<(usize, u64)> {
        let mut state = self.lock();
        if state.lost < at_least.max(1) {
            return Vec::new();
        }
        state.lost = 0;
        let topics = state.topics.iter().enumerate().filter(|(_, topic)| topic.gone > 0);
        topics.map(|(index, topic)| (index, topic.gone)).collect()
    }

    /// Moves recent messages on, and loses what is too old or too much.
    fn make_room(&self, state: &mut State, now: Instant) {
        let history = self.channel.definition().history;
        while let Some(first) = state.recent.front() {
            let age = age(first.published, now);
            let is_live = age < LIVE_TIME && state.recent_bytes <= LIVE_BYTES;
            let is_recent = state.recent.len() <= history.messages as usize || is_live;
            if is_recent && age <= history.age {
                break;
            }
            state.move_on();
        }
        state.lose_old(history, self.limits.max_stream_bytes, now);
        let is_too_much =
            |state: &State| state.bytes.get() > self.limits.max_channel_bytes || state.bytes.is_all_full();
        while is_too_much(state) && state.lose_oldest() {}
    }

    fn id(&self, offset: u64) -> MessageId {
        MessageId::new(self.life, offset)
    }

    /// A thread that panicked cannot have left the log half changed: nothing in here panics.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(parked: Vec<(Arc<Inbox>, u64)>) {
    for (inbox, key) in parked {
        inbox.put(key);
    }
}

/// How much a log is worth keeping while nobody subscribes to it.
pub(crate) struct Idle {
    pub(crate) empty: bool,
    /// It remembers keys that publishers may repeat.
    pub(crate) has_keys: bool,
    pub(crate) last_used: Instant,
}
