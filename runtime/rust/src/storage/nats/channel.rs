//! The channels that this process uses, and how their logs receive blocks.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::time::Instant;

use super::append::Append;
use super::block::{Block, BlockHead, StoredKey};
use super::checkpoint::RecentBlock;
use super::keys::{UsedKey, UsedKeys};
use super::subjects;
use super::text_streams::TextStreams;
use crate::channel::{Channel, ChannelDefinition};
use crate::history::{ChannelHandle, Limits, Log, OpenStream, StoredLog, StoredMessage};
use crate::random;

/// The number of blocks by which a process can find out how many a stream has lost. If it has lost more, all ids of the
/// epoch become invalid.
const MAX_RECENT: usize = 32;

/// A channel that is open in this process, or to which it appends.
pub(super) struct TrackedChannel {
    pub(super) handle: i64,
    pub(super) channel: Channel,
    pub(super) token: String,
    pub(super) shard: usize,
    state: Mutex<ChannelState>,
}

/// The state of a channel in this process. The log receives blocks under the lock, so each arrives once and in order.
pub(super) struct ChannelState {
    log: Weak<Log>,
    /// `None` if the channel must be read first.
    pub(super) position: Option<Position>,
    /// The number of tasks that are reading the channel, and whether a block arrived meanwhile.
    loading: usize,
    is_dirty: bool,
    /// The messages that wait to be appended, and whether a task appends them.
    pub(super) queue: VecDeque<Append>,
    pub(super) is_writing: bool,
    /// The nonce of the block that is being appended, and where it was stored: its epoch and first offset.
    pub(super) sent: Option<u64>,
    pub(super) stored: Option<(u64, u64)>,
    /// When this process last ensured that the channel does not expire.
    pub(super) kept_at: Instant,
}

/// The last block of a channel that this process has read.
#[derive(Clone, Default)]
pub(super) struct Position {
    pub(super) epoch: u64,
    /// The offset of the last message.
    pub(super) head: u64,
    /// The sequence and the nonce of the last block, or 0 if there is none.
    pub(super) sequence: u64,
    pub(super) nonce: u64,
    /// The nonces of the last [`MAX_RECENT`] blocks that were handed out, each with the offset of its last message. The
    /// oldest is first.
    pub(super) recent: VecDeque<(u64, u64)>,
    /// When the last block was published, in milliseconds since 1970.
    pub(super) time: i64,
    pub(super) keys: UsedKeys,
    pub(super) streams: TextStreams,
}

/// The stored state of a channel.
pub(super) struct Loaded {
    pub(super) position: Position,
    pub(super) stored: StoredLog,
    /// The blocks that were read. A writer looks for its own among them.
    pub(super) blocks: Vec<RecentBlock>,
    /// All blocks after the checkpoint, in order.
    pub(super) links: Vec<Link>,
    /// Whether a block follows one that the stream has lost, and whose sequence another block has.
    pub(super) is_forked: bool,
}

/// A block and the one before it, each with its sequence and nonce.
#[derive(Clone, Copy)]
pub(super) struct Link {
    pub(super) previous: (u64, u64),
    pub(super) block: (u64, u64),
}

/// The effect of replacing the known state of a channel.
pub(super) enum Replaced {
    Done,
    /// The stream lacks the last block that this process has handed out, and has another one in its place.
    Lost,
}

/// The effect of handing a block to a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Applied {
    /// The block's messages are in the log, from this call or an earlier one.
    Whole,
    /// Earlier blocks are missing.
    Incomplete,
    /// The channel must be read first, or another task is reading it.
    Unread,
}

impl TrackedChannel {
    pub(super) fn lock(&self) -> MutexGuard<'_, ChannelState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn log(&self) -> Option<Arc<Log>> {
        self.lock().log.upgrade()
    }

    /// Hands a block to the log if it follows the last one.
    pub(super) fn apply(&self, sequence: u64, block: &Block) -> Applied {
        let mut state = self.lock();
        let state = &mut *state;
        if state.loading > 0 {
            state.is_dirty = true;
        }
        let Some(position) = &mut state.position else { return Applied::Unread };
        let last = (position.sequence, position.nonce);
        if sequence < position.sequence || (sequence, block.head.nonce) == last {
            return Applied::Whole;
        }
        if (block.head.previous, block.head.previous_nonce) != last {
            return Applied::Incomplete;
        }
        if block.head.epoch > position.epoch {
            state.retire();
            return Applied::Unread;
        }
        (position.sequence, position.nonce) = (sequence, block.head.nonce);
        position.time = position.time.max(block.head.time);
        if block.head.epoch < position.epoch || block.head.first != position.head + 1 {
            // The block's writer did not know the channel's state. All processes ignore the block, and the writer reads
            // the channel.
            tracing::error!(
                channel = self.channel.name(),
                sequence,
                "ignored a NATS message that does not follow the channel's last one"
            );
            return Applied::Whole;
        }
        if state.sent == Some(block.head.nonce) {
            state.stored = Some((block.head.epoch, block.head.first));
        }
        position.add(block);
        let log = state.log.upgrade();
        let definition = log.as_ref().map_or(self.channel.definition(), |log| log.channel().definition());
        for message in block.messages(position.epoch, definition) {
            position.follow_streams(definition, &message);
            if let Some(log) = &log {
                log.append_stored(message);
            }
        }
        if let Some(log) = log {
            log.skip_to(position.head);
        }
        Applied::Whole
    }

    /// Begins to read the channel: blocks that arrive before the guard is dropped mark the channel as dirty.
    pub(super) fn begin_loading(self: &Arc<Self>) -> Loading {
        let mut state = self.lock();
        if state.loading == 0 {
            state.is_dirty = false;
        }
        state.loading += 1;
        drop(state);
        Loading(Arc::clone(self))
    }
}

/// A channel that is being read.
pub(super) struct Loading(Arc<TrackedChannel>);

impl Loading {
    /// Creates the channel's log from the state that was read. Returns whether later blocks may have arrived.
    pub(super) fn open(&self, loaded: Loaded, channel: &Channel, limits: &Limits) -> (Arc<Log>, bool) {
        let Loaded { position, stored, blocks, .. } = loaded;
        let log = Arc::new(Log::restore(channel, stored, limits));
        let mut state = self.0.lock();
        if let Some(earlier) = state.log.upgrade() {
            earlier.retire();
        }
        state.log = Arc::downgrade(&log);
        state.find_sent(&blocks);
        state.position = Some(position);
        (log, state.is_dirty)
    }

    /// Replaces the known state of the channel, and the messages of its log. Retires the log if its epoch has ended.
    pub(super) fn replace(&self, loaded: Loaded) -> Replaced {
        let mut state = self.0.lock();
        if state.position.as_ref().is_some_and(|known| loaded.replaces(known)) {
            return Replaced::Lost;
        }
        let Loaded { position, stored, blocks, .. } = loaded;
        state.find_sent(&blocks);
        if let Some(log) = state.log.upgrade() {
            if log.epoch() != position.epoch {
                state.retire();
            } else if log.head() <= position.head {
                log.reload(stored);
            } else {
                return Replaced::Done;
            }
        }
        state.position = Some(position);
        Replaced::Done
    }
}

impl Drop for Loading {
    fn drop(&mut self) {
        self.0.lock().loading -= 1;
    }
}

impl ChannelState {
    /// Retires the log if it has an epoch that has ended.
    pub(super) fn retire_epoch(&mut self, epoch: u64) {
        if self.position.as_ref().is_some_and(|position| position.epoch == epoch) {
            self.retire();
        }
    }

    /// Retires the log, because its epoch has ended. The hub opens the channel again when it is used next.
    pub(super) fn retire(&mut self) {
        if let Some(log) = self.log.upgrade() {
            tracing::debug!(channel = log.channel().name(), "the history of a channel was replaced");
            log.retire();
        }
        self.log = Weak::new();
        self.position = None;
    }

    /// Records that the block that is being appended is stored, if it is among these.
    fn find_sent(&mut self, blocks: &[RecentBlock]) {
        let sent = blocks.iter().find(|block| Some(block.nonce) == self.sent);
        self.stored = sent.map(|block| (block.epoch, block.first)).or(self.stored);
    }
}

impl Position {
    /// Returns the head of a block that follows.
    pub(super) fn next_head(&self, now: i64, definition: &ChannelDefinition) -> BlockHead {
        BlockHead {
            epoch: self.epoch,
            first: self.head + 1,
            previous: self.sequence,
            previous_nonce: self.nonce,
            continues: None,
            time: now.max(self.time),
            nonce: (u64::from(random::number()) << 32) | u64::from(random::number()),
            definition: definition.fingerprint.to_owned(),
            messages: Vec::new(),
        }
    }

    /// Applies a message to the text streams.
    pub(super) fn follow_streams(&mut self, definition: &ChannelDefinition, message: &StoredMessage) {
        if definition.log_topic(message.topic).is_stream() {
            self.streams.follow(message.topic, &message.frame);
        }
    }

    /// Adds a block whose messages are handed out.
    pub(super) fn add(&mut self, block: &Block) {
        self.head = block.last();
        if self.recent.len() == MAX_RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((block.head.nonce, self.head));
        for (offset, message) in (block.head.first..).zip(&block.head.messages) {
            if let Some(key) = message.key.as_ref().and_then(StoredKey::to_key) {
                self.keys.add(UsedKey { key, offset, time: block.head.time });
            }
        }
    }
}

/// The tracked channels.
#[derive(Default)]
pub(super) struct Channels {
    tracked: Mutex<Tracked>,
    last_handle: AtomicI64,
}

#[derive(Default)]
struct Tracked {
    by_token: HashMap<String, Arc<TrackedChannel>>,
    /// In the order in which the channels were tracked.
    by_handle: BTreeMap<i64, Arc<TrackedChannel>>,
}

impl Channels {
    pub(super) fn find(&self, token: &str) -> Option<Arc<TrackedChannel>> {
        self.lock().by_token.get(token).cloned()
    }

    pub(super) fn find_log(&self, log: &Log, shards: usize) -> Arc<TrackedChannel> {
        let known = log.handle().and_then(|handle| self.lock().by_handle.get(&handle.id()).cloned());
        known.unwrap_or_else(|| self.track(log.channel(), shards))
    }

    /// Returns a channel, and tracks it from now on.
    pub(super) fn track(&self, channel: &Channel, shards: usize) -> Arc<TrackedChannel> {
        let token = subjects::encode(channel.name());
        let mut tracked = self.lock();
        if let Some(known) = tracked.by_token.get(&token) {
            return Arc::clone(known);
        }
        let handle = self.last_handle.fetch_add(1, Ordering::Relaxed) + 1;
        let shard = subjects::shard_of(&token, shards);
        let state = Mutex::new(ChannelState {
            log: Weak::new(),
            position: None,
            loading: 0,
            is_dirty: false,
            queue: VecDeque::new(),
            is_writing: false,
            sent: None,
            stored: None,
            kept_at: Instant::now(),
        });
        let new = TrackedChannel { handle, channel: channel.clone(), token: token.clone(), shard, state };
        let new = Arc::new(new);
        tracked.by_handle.insert(handle, Arc::clone(&new));
        tracked.by_token.insert(token, Arc::clone(&new));
        new
    }

    /// Returns the open channels, and forgets unused ones whose logs are closed.
    pub(super) fn list_open(&self) -> Vec<Arc<TrackedChannel>> {
        let mut tracked = self.lock();
        tracked.by_token.retain(|_, channel| {
            // The two maps have two references. Under the lock, no task can obtain another, so the count is exact.
            let is_used = Arc::strong_count(channel) > 2;
            is_used || channel.log().is_some()
        });
        let Tracked { by_token, by_handle } = &mut *tracked;
        by_handle.retain(|_, channel| by_token.contains_key(&channel.token));
        by_token.values().filter(|channel| channel.log().is_some()).cloned().collect()
    }

    /// Returns the open channels of a shard.
    pub(super) fn list_open_in(&self, shard: usize) -> Vec<Arc<TrackedChannel>> {
        let mut open = self.list_open();
        open.retain(|channel| channel.shard == shard);
        open
    }

    /// Returns up to `count` open channels after the one with the handle `after`.
    pub(super) fn list_open_after(&self, after: i64, count: usize) -> Vec<Arc<TrackedChannel>> {
        let tracked = self.lock();
        let later = tracked.by_handle.range(after + 1..).map(|(_, channel)| channel);
        later.filter(|channel| channel.log().is_some()).take(count).cloned().collect()
    }

    /// Returns the text streams of open channels that were interrupted or for which `is_abandoned` returns `true`, with
    /// their channels.
    pub(super) fn list_streams(
        &self,
        is_abandoned: impl Fn(&OpenStream) -> bool,
    ) -> Vec<(Arc<TrackedChannel>, OpenStream)> {
        // The map must not be locked while this waits for a channel, whose lock is held while a block arrives.
        let tracked: Vec<_> = self.lock().by_handle.values().cloned().collect();
        let streams = tracked.into_iter().flat_map(|channel| {
            let streams = channel.list_streams(&is_abandoned);
            streams.into_iter().map(move |stream| (Arc::clone(&channel), stream))
        });
        streams.collect()
    }

    fn lock(&self) -> MutexGuard<'_, Tracked> {
        self.tracked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TrackedChannel {
    pub(super) fn storage_handle(&self) -> ChannelHandle {
        ChannelHandle::new(self.handle)
    }

    /// Returns the text streams that were interrupted or for which `is_abandoned` returns `true`, if the channel is open.
    fn list_streams(&self, is_abandoned: impl Fn(&OpenStream) -> bool) -> Vec<OpenStream> {
        let state = self.lock();
        if state.log.strong_count() == 0 {
            return Vec::new();
        }
        let Some(Position { streams: TextStreams { open, interrupted }, .. }) = &state.position else {
            return Vec::new();
        };
        let abandoned = open.iter().filter(|stream| is_abandoned(stream));
        interrupted.iter().chain(abandoned).cloned().collect()
    }

    /// Returns the definition with which the channel is read.
    pub(super) fn definition(&self) -> &'static ChannelDefinition {
        self.log().map_or(self.channel.definition(), |log| log.channel().definition())
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::channel::AddressPart;

    #[test]
    fn text_streams_of_open_channels_are_listed_while_no_lock_of_all_channels_is_held() {
        static ROOM: ChannelDefinition = ChannelDefinition {
            name: "room",
            address: &[AddressPart::Literal("room")],
            ..ChannelDefinition::EMPTY
        };
        let channels = Channels::default();
        let tracked = channels.track(&Channel::new(&ROOM, &[]).unwrap(), 1);
        let stored = StoredLog {
            channel: tracked.storage_handle(),
            epoch: 1,
            continues: None,
            head: 0,
            messages: Vec::new(),
            evicted: Vec::new(),
            has_other_definition: false,
            now: SystemTime::now(),
        };
        let log = Arc::new(Log::restore(&tracked.channel, stored, &Limits::none()));
        tracked.lock().log = Arc::downgrade(&log);
        tracked.lock().position = Some(Position {
            epoch: 1,
            head: 0,
            sequence: 1,
            nonce: 1,
            recent: VecDeque::new(),
            time: 0,
            keys: UsedKeys::default(),
            streams: TextStreams {
                open: vec![OpenStream { topic: 0, id: "1".into(), run_id: None }],
                ..TextStreams::default()
            },
        });
        let count = || channels.list_streams(|_| channels.tracked.try_lock().is_ok()).len();
        assert_eq!(count(), 1);
        drop(log);
        assert_eq!(count(), 0);
    }
}
