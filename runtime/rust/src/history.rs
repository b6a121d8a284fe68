//! The log of a channel. Live delivery, resuming and retained messages all read it.
//!
//! A log has two parts. Recent messages are in one queue, in order; subscribers that keep up read from it. Messages
//! that have left the queue are held per topic, in memory, for as long as the channel's history or the topic's `retain`
//! requires. There, the chunks of a text stream are joined.
//!
//! A [`ReadCursor`] is a subscriber's position in the log. Reading moves it. If there is nothing to read, the
//! subscriber is parked under the same lock, so it cannot miss a message.
//!
//! The hub's storage orders messages, and hands each one to the log after its commit. In memory, the log is all that there
//! is, and orders them itself.

use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::channel::Channel;
use crate::clock;
use crate::metrics;
use crate::wire::{Cursor, DataFrame, MessageId, SharedText};

mod batch;
mod idempotency;
mod inbox;
mod inspect;
mod memory_budget;
mod open_stream;
mod read;
mod read_cursor;
mod restore;
mod retired;
mod state;
#[cfg(test)]
mod tests;
mod text_block;
mod topic;
mod waking;

pub(crate) use batch::Batch;
pub(crate) use idempotency::{IdempotencyKey, KeyReused};
#[cfg(any(feature = "nats", feature = "postgres", feature = "sqlite"))]
pub(crate) use idempotency::{MAX_KEY_AGE, MAX_KEYS};
pub(crate) use inbox::Inbox;
pub(crate) use inspect::{LogSummary, SubscriberCount};
pub(crate) use memory_budget::MemoryBudget;
pub(crate) use open_stream::OpenStream;
pub use read_cursor::Gap;
pub(crate) use read_cursor::ReadCursor;
pub(crate) use restore::{StoredLog, StoredMessage};
pub(crate) use waking::requeue;

use state::{Message, Rank, State, age};
use topic::{Held, Topic};

/// The approximate number of bytes that a reader takes in one turn.
pub(crate) const TURN_BYTES: usize = 32 * 1024;

/// A message stays recent for this long, up to this many bytes, even if the history is shorter. This gives
/// live subscribers time to read a burst before it is evicted. New subscribers do not receive messages that are kept
/// only for this reason.
const LIVE_TIME: Duration = Duration::from_secs(5);
const LIVE_BYTES: usize = 1024 * 1024;

/// The log of one channel.
pub(crate) struct Log {
    channel: Channel,
    epoch: u64,
    /// The last message of the previous epoch that this one has, too.
    continues: Option<MessageId>,
    /// `None` in memory.
    handle: Option<ChannelHandle>,
    limits: Limits,
    is_retired: AtomicBool,
    /// The number of subscribers in this process.
    subscribers: Arc<AtomicUsize>,
    state: Mutex<State>,
}

/// Identifies a channel within its storage. Only the storage that created it knows what it contains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ChannelHandle(i64);

impl ChannelHandle {
    #[cfg(any(test, feature = "nats", feature = "postgres", feature = "sqlite"))]
    pub(crate) fn new(id: i64) -> Self {
        Self(id)
    }

    #[cfg(any(feature = "nats", feature = "postgres", feature = "sqlite"))]
    pub(crate) fn id(self) -> i64 {
        self.0
    }
}

/// Limits on the memory of logs, which hold regardless of the definitions.
#[derive(Clone)]
pub(crate) struct Limits {
    /// The maximum bytes of one channel's messages.
    pub(crate) max_channel_bytes: usize,
    /// The maximum bytes of one topic's text streams, not counting the channel's recent messages.
    pub(crate) max_stream_bytes: usize,
    /// The memory of all logs together.
    pub(crate) memory: Arc<MemoryBudget>,
}

impl Limits {
    /// Returns limits that are never reached, for a log without subscribers.
    #[cfg(any(test, feature = "postgres", feature = "sqlite"))]
    pub(crate) fn none() -> Self {
        let memory = Arc::new(MemoryBudget::new(usize::MAX));
        Self { max_channel_bytes: usize::MAX, max_stream_bytes: usize::MAX, memory }
    }
}

/// The outcome of appending a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Appended {
    pub(crate) id: MessageId,
    /// The idempotency key was used before: nothing was appended, and the id is the earlier message's.
    pub(crate) repeated: bool,
    /// The publisher should yield. Otherwise it could push messages out of the history before subscribers read them.
    pub(crate) should_yield: bool,
}

impl Log {
    /// Creates the empty log of a channel.
    pub(crate) fn new(channel: Channel, epoch: u64, limits: &Limits) -> Self {
        let state = Mutex::new(State::new(&channel, limits));
        let is_retired = AtomicBool::new(false);
        let (limits, subscribers) = (limits.clone(), Arc::default());
        Self { channel, epoch, continues: None, handle: None, limits, is_retired, subscribers, state }
    }

    pub(crate) fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Returns whether the log is of the channel's definition, not of another one with the same channel name.
    pub(crate) fn has_definition_of(&self, channel: &Channel) -> bool {
        std::ptr::eq(self.channel.definition(), channel.definition())
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns the storage's handle of the channel.
    pub(crate) fn handle(&self) -> Option<ChannelHandle> {
        self.handle
    }

    /// Appends a message, unless its key was used before, and wakes parked readers.
    pub(crate) fn append(
        &self,
        topic: usize,
        frame: DataFrame,
        key: Option<IdempotencyKey>,
    ) -> Result<Appended, KeyReused> {
        let now = Instant::now();
        let mut state = self.lock();
        let offset = state.head + 1;
        if let Some(key) = key {
            let State { keys, bytes, .. } = &mut *state;
            if let Some(earlier) = keys.find(key, now, bytes)? {
                return Ok(Appended { id: self.id(earlier), repeated: true, should_yield: false });
            }
            keys.remember(key, offset, now, bytes);
        }
        // Read the clock under the lock, so that times ascend as ids do.
        let frame = frame.stamp(self.id(offset), clock::wall_time());
        let should_yield = self.push(state, offset, topic, now, frame);
        Ok(Appended { id: self.id(offset), repeated: false, should_yield })
    }

    /// Appends a message that the storage has committed, and wakes parked readers. In place of an invalid one, and of
    /// earlier messages of its topic that they have not read, they receive a gap.
    pub(crate) fn append_stored(&self, message: StoredMessage) {
        let StoredMessage { offset, topic, frame, is_refused, .. } = message;
        let mut state = self.lock();
        if !is_refused {
            self.push(state, offset, topic, Instant::now(), frame);
            return;
        }
        state.head = offset;
        state.refuse(offset, topic);
        state.drop_before_evicted(topic);
        wake_parked(state, false);
    }

    /// Moves the head to an offset. All messages up to it are of topics that the definition does not have.
    #[cfg(any(feature = "nats", feature = "postgres", feature = "sqlite"))]
    pub(crate) fn skip_to(&self, offset: u64) {
        let mut state = self.lock();
        state.head = state.head.max(offset);
    }

    /// Adds a message and wakes parked readers. Returns `true` if the publisher should yield.
    fn push(
        &self,
        mut state: MutexGuard<'_, State>,
        offset: u64,
        topic: usize,
        now: Instant,
        frame: SharedText,
    ) -> bool {
        #[cfg(feature = "testing")]
        if let Some(world) = crate::simulation::world() {
            world.observe(self.channel.name(), &frame);
        }
        state.last_used = now;
        state.lead += frame.as_str().len();
        let should_yield = state.lead >= TURN_BYTES.min(self.limits.max_channel_bytes / 2);
        if should_yield {
            state.lead = 0;
        }
        state.admit(offset, topic, Some(now), frame);
        self.evict_excess(&mut state, now);
        // Before the publisher yields, all readers must be in the run queues of the runtime.
        wake_parked(state, should_yield);
        metrics::record_publish();
        should_yield
    }

    /// Removes a parked reader, because it is gone or will read without being woken.
    pub(crate) fn unpark(&self, inbox: &Arc<Inbox>, key: u64) {
        let mut state = self.lock();
        state.last_used = Instant::now();
        state.parked.retain(|(parked, parked_key)| *parked_key != key || !Arc::ptr_eq(parked, inbox));
    }

    /// Evicts old messages and keys, and returns how much the log is still used.
    pub(crate) fn tidy(&self) -> Idle {
        let now = Instant::now();
        let mut state = self.lock();
        self.evict_excess(&mut state, now);
        state.batches.clear();
        let State { keys, bytes, .. } = &mut *state;
        keys.forget_old(now, bytes);
        let has_keys = !keys.is_empty();
        Idle { has_no_history: state.recent.is_empty(), has_keys, last_used: state.last_used }
    }

    /// Returns whether logs that nobody uses must go, so that the logs in use need not be shortened.
    pub(crate) fn is_crowded(&self) -> bool {
        self.limits.memory.is_crowded()
    }

    /// Evicts all messages, but keeps the idempotency keys.
    pub(crate) fn evict_all(&self) {
        let mut state = self.lock();
        while state.move_oldest_to_topic() {}
        for index in 0..state.topics.len() {
            while state.evict_first(index) {}
        }
    }

    /// Returns the cursor from which a subscriber receives every message that is appended from now on.
    pub(crate) fn end(&self) -> Cursor {
        Cursor::After(self.id(self.head()))
    }

    /// Returns the offset of the latest message.
    pub(crate) fn head(&self) -> u64 {
        self.lock().head
    }

    /// If at least this many messages were evicted since the last call that returned any, returns for each topic the offset up to which
    /// its messages are evicted. The storage can delete them.
    pub(crate) fn take_evicted(&self, at_least: usize) -> Vec<(usize, u64)> {
        let mut state = self.lock();
        if state.evicted < at_least.max(1) {
            return Vec::new();
        }
        state.evicted = 0;
        let topics = state.topics.iter().enumerate().filter(|(_, topic)| topic.evicted > 0);
        topics.map(|(index, topic)| (index, topic.evicted)).collect()
    }

    /// Moves messages out of the recent queue, and evicts messages that are too old or exceed a limit.
    fn evict_excess(&self, state: &mut State, now: Instant) {
        let history = self.channel.definition().history;
        while let Some(first) = state.recent.front() {
            let age = age(first.published, now);
            let is_live = age < LIVE_TIME && state.recent_bytes <= LIVE_BYTES;
            let is_recent = state.recent.len() <= history.messages as usize || is_live;
            if is_recent && age <= history.age {
                break;
            }
            state.move_oldest_to_topic();
        }
        state.evict_old(history, self.limits.max_stream_bytes, now);
        let is_too_much =
            |state: &State| state.bytes.get() > self.limits.max_channel_bytes || state.bytes.is_all_full();
        while is_too_much(state) && state.evict_oldest() {}
    }

    fn id(&self, offset: u64) -> MessageId {
        MessageId::new(self.epoch, offset)
    }

    /// A panic cannot leave the log half changed, because nothing here panics.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Releases the state of a log, and wakes the readers that are parked.
fn wake_parked(mut state: MutexGuard<'_, State>, all_now: bool) {
    let parked = state.take_parked();
    drop(state);
    parked.wake(all_now);
}

/// The remaining use of a log that has no subscribers.
pub(crate) struct Idle {
    /// It holds no messages that a subscriber can resume from. It may hold retained messages.
    pub(crate) has_no_history: bool,
    /// It has idempotency keys that publishers may repeat.
    pub(crate) has_keys: bool,
    pub(crate) last_used: Instant,
}
