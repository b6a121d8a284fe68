//! One log a channel. It is the channel's history, and all delivery reads it:
//! live, resumed and retained messages alike.
//!
//! A [`Place`] is a subscriber's cursor into it. Reading moves the cursor; where
//! there is nothing to read the subscriber is parked, under the same lock, so that
//! no message can fall between.
//!
//! Where the hub has a storage, that is what puts messages in order and hands them to the log
//! once it keeps them; else the log does both itself.

use std::collections::VecDeque;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use crate::channel::{Channel, Logged};
use crate::clock;
use crate::metrics;
use crate::wire::{DataFrame, LogKind, MessageId, SharedText};

mod batch;
mod inbox;
mod kept;
mod keys;
mod memory;
mod place;
mod retired;

pub(crate) use batch::Batch;
pub(crate) use inbox::Inbox;
pub(crate) use kept::{Kept, KeptMessage};
#[cfg(feature = "sqlite")]
pub(crate) use keys::{KEY_AGE, MAX_KEYS};
pub(crate) use keys::{Key, KeyReused};
pub(crate) use memory::Memory;
pub(crate) use place::{Gap, Place};

use batch::Batches;
use keys::Keys;
use memory::Usage;

/// About how much a reader takes in one turn.
pub(crate) const TURN_BYTES: usize = 32 * 1024;

/// What definitions keep less of stays readable for so long and up to so many bytes, so that a
/// burst does not run ahead of subscribers that read as fast as they can. It is no part of the
/// history: only those read it who were there.
const LIVE_TIME: Duration = Duration::from_secs(5);
const LIVE_BYTES: usize = 1024 * 1024;

/// The log of one channel.
pub(crate) struct Log {
    channel: Channel,
    life: u64,
    /// What the storage calls the channel.
    row: Option<i64>,
    channel_bytes: usize,
    is_retired: AtomicBool,
    state: Mutex<State>,
}

/// What logs may hold, whatever definitions allow.
#[derive(Clone)]
pub(crate) struct Limits {
    /// The most bytes of messages of one channel.
    pub(crate) channel_bytes: usize,
    /// What all logs hold together.
    pub(crate) memory: Arc<Memory>,
}

struct State {
    /// What can be read, in order, up to `head`: the history, and before it what live
    /// subscribers may still want.
    messages: VecDeque<Message>,
    /// The offset of the latest message; the first has 1.
    head: u64,
    /// Of all that is held, retained messages that history has moved past among it.
    bytes: Usage,
    /// What was appended since publishers last gave way to readers, in bytes.
    lead: usize,
    topics: Box<[TopicState]>,
    keys: Keys,
    parked: Vec<(Arc<Inbox>, u64)>,
    batches: Batches,
    last_used: Instant,
}

#[derive(Clone)]
struct Message {
    offset: u64,
    topic: usize,
    published: Instant,
    frame: SharedText,
}

#[derive(Default)]
struct TopicState {
    /// The latest message itself, where the topic retains it.
    retained: Option<Message>,
    /// The offset of the latest message that no subscriber can have any more. Of earlier news of
    /// runs nobody misses any: the latest says it all.
    gone: u64,
    is_run_news: bool,
}

impl TopicState {
    fn of(logged: Logged) -> Self {
        Self { is_run_news: logged.is_run_news(), ..Self::default() }
    }

    /// Nobody can have the message at this offset any more.
    fn lose(&mut self, offset: u64) {
        if !self.is_run_news {
            self.gone = self.gone.max(offset);
        }
    }
}

/// The prefix of the ids of streams that runs write. The ids of other streams start with a hexadecimal number.
const RUN_STREAM: &str = "run-";

/// A text stream that has not ended.
pub(crate) struct OpenStream {
    pub(crate) topic: usize,
    pub(crate) id: String,
    pub(crate) run_id: Option<String>,
}

impl OpenStream {
    /// The id of a stream that a process writes.
    pub(crate) fn new_id(owner: u32) -> String {
        format!("{owner:08x}{:08x}", rand::random::<u32>())
    }

    /// The id of a stream that a call of a run writes: the same in every process that executes the run.
    pub(crate) fn id_of_run(run_id: &str, site: &str) -> String {
        let Key { key, .. } = Key::new(&format!("{run_id}\n{site}"), "", &[]);
        format!("{RUN_STREAM}{:032x}", u128::from_be_bytes(key))
    }

    /// Whether a run writes it, and no single process.
    pub(crate) fn is_of_run(&self) -> bool {
        self.id.starts_with(RUN_STREAM)
    }

    /// The process that writes it.
    pub(crate) fn owner(&self) -> Option<u32> {
        u32::from_str_radix(self.id.get(..8)?, 16).ok()
    }
}

/// The first and the last frame of a text stream, as far as they say which it is.
#[derive(Deserialize)]
struct StreamFrame {
    #[serde(rename = "data")]
    id: String,
    run_id: Option<String>,
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
        let (channel_bytes, is_retired) = (limits.channel_bytes, AtomicBool::new(false));
        Self { channel, life, row: None, channel_bytes, is_retired, state }
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
            if let Some(earlier) = state.keys.find(key, now)? {
                return Ok(Appended { id: self.id(earlier), repeated: true, crowded: false });
            }
            state.keys.remember(key, offset, now);
        }
        // The clock is read under the lock: times ascend as ids do.
        let frame = frame.stamp(self.id(offset), clock::now());
        Ok(self.push(state, Message { offset, topic, published: now, frame }))
    }

    /// Takes a message that the storage has kept, and wakes those who wait for one.
    pub(crate) fn take(&self, message: KeptMessage) {
        let KeptMessage { offset, topic, frame, .. } = message;
        self.push(self.lock(), Message { offset, topic, published: Instant::now(), frame });
    }

    fn push(&self, mut state: MutexGuard<'_, State>, message: Message) -> Appended {
        let now = message.published;
        let (offset, bytes) = (message.offset, message.frame.as_str().len());
        self.make_room(&mut state, bytes, now);
        state.last_used = now;
        state.head = offset;
        self.hold(&mut state, message);
        state.lead += bytes;
        let crowded = state.lead >= TURN_BYTES / 2;
        if crowded {
            state.lead = 0;
        }
        let parked = std::mem::take(&mut state.parked);
        drop(state);
        metrics::published();
        for (inbox, key) in parked {
            inbox.put(key);
        }
        Appended { id: self.id(offset), repeated: false, crowded }
    }

    fn hold(&self, state: &mut State, message: Message) {
        state.bytes.add(message.frame.as_str().len());
        let first = state.first();
        if self.channel.definition().logged(message.topic).holds_latest() {
            let topic = &mut state.topics[message.topic];
            let replaced = topic.retained.replace(message.clone());
            if let Some(replaced) = replaced.filter(|message| message.offset < first) {
                topic.lose(replaced.offset);
                state.bytes.remove(replaced.frame.as_str().len());
            }
        }
        state.messages.push_back(message);
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
        self.make_room(&mut state, 0, now);
        state.batches.clear();
        Idle { empty: state.messages.is_empty(), last_used: state.last_used }
    }

    /// The text streams that have begun and not ended.
    pub(crate) fn open_streams(&self) -> Vec<OpenStream> {
        let mut open: Vec<OpenStream> = Vec::new();
        for message in &self.lock().messages {
            let starts = LogKind::StreamStart.is_of(&message.frame);
            if !starts && !(LogKind::StreamEnd { error: None, is_stopped: false }).is_of(&message.frame) {
                continue;
            }
            let Ok(StreamFrame { id, run_id }) = serde_json::from_str(&message.frame) else { continue };
            open.retain(|stream| stream.id != id);
            if starts {
                open.push(OpenStream { topic: message.topic, id, run_id });
            }
        }
        open
    }

    /// The offset from which on all messages can still be read. The storage need not keep
    /// what was before it, but for what topics retain.
    pub(crate) fn first(&self) -> u64 {
        self.lock().first()
    }

    /// The offset of the latest message.
    pub(crate) fn head(&self) -> u64 {
        self.lock().head
    }

    /// Drops what is too old, and what is too much once there are so many bytes more.
    fn make_room(&self, state: &mut State, bytes: usize, now: Instant) {
        let history = self.channel.definition().history;
        let added = usize::from(bytes > 0);
        while let Some(first) = state.messages.front() {
            let age = now.saturating_duration_since(first.published);
            let after = state.bytes.get() + bytes;
            let is_history = state.messages.len() + added <= history.messages as usize;
            let is_kept = is_history || (age < LIVE_TIME && after <= LIVE_BYTES);
            let fits = after <= self.channel_bytes && !state.bytes.is_all_full();
            if is_kept && fits && age <= history.age {
                return;
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
    fn new(channel: &Channel, limits: &Limits) -> Self {
        Self {
            messages: VecDeque::new(),
            head: 0,
            bytes: Usage::of(&limits.memory),
            lead: 0,
            topics: channel.definition().kinds().map(TopicState::of).collect(),
            keys: Keys::default(),
            parked: Vec::new(),
            batches: Batches::default(),
            last_used: Instant::now(),
        }
    }

    /// The offset of the oldest message that can be read, or of the next one to come.
    fn first(&self) -> u64 {
        self.messages.front().map_or(self.head + 1, |message| message.offset)
    }

    /// Moves the log past its oldest message.
    fn drop_first(&mut self) {
        let Some(message) = self.messages.pop_front() else { return };
        let Some(topic) = self.topics.get_mut(message.topic) else { return };
        if topic.retained.as_ref().is_some_and(|kept| kept.offset == message.offset) {
            return;
        }
        topic.lose(message.offset);
        self.bytes.remove(message.frame.as_str().len());
    }
}

/// How much a log is worth keeping while nobody subscribes to it.
pub(crate) struct Idle {
    pub(crate) empty: bool,
    pub(crate) last_used: Instant,
}
