//! The open logs, and how they receive committed messages.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::time::Instant;

use super::channels::Change;
use crate::channel::ChannelDefinition;
use crate::history::{ChannelHandle, Log, OpenStream, StoredLog, StoredMessage};

/// The open logs by the id of the channel.
///
/// The writer and the tail both hand messages to a log. They do it under the lock, so that each message is handed over
/// once and in order.
#[derive(Default)]
pub(super) struct OpenLogs(Mutex<BTreeMap<i64, TrackedLog>>);

/// An open log, and what its channel's rows are known to contain.
struct TrackedLog {
    log: Weak<Log>,
    /// For each topic, the offset up to which evicted messages are deleted.
    trimmed: Vec<(usize, u64)>,
    /// The text streams that have not ended, even if the log has evicted what it had of them.
    open_streams: Vec<OpenStream>,
    /// When the channel was last recorded as in use.
    use_recorded_at: Instant,
}

/// The messages of a channel to delete.
pub(super) struct Trim {
    pub(super) channel: i64,
    pub(super) definition: &'static ChannelDefinition,
    /// For each topic, the offset up to which evicted messages are deleted already.
    pub(super) before: Vec<(usize, u64)>,
    /// For each topic, the offset up to which messages are evicted.
    pub(super) evicted: Vec<(usize, u64)>,
}

/// The effect of handing a log what changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Applied {
    Whole,
    /// Some messages were deleted before this process read them.
    Incomplete,
    /// The database lacks messages that the log has handed out.
    Lost,
    /// The log's epoch has ended.
    Ended,
}

/// Returns the id of a log's channel.
pub(super) fn channel_id(log: &Log) -> i64 {
    // A log without a storage has no handle, and is never given to this storage.
    log.handle().map_or(0, ChannelHandle::id)
}

fn follow_streams(open: &mut BTreeMap<i64, TrackedLog>, log: &Log, message: &StoredMessage) {
    if let Some(tracked) = open.get_mut(&channel_id(log)) {
        OpenStream::follow_message(&mut tracked.open_streams, log.channel().definition(), message);
    }
}

impl OpenLogs {
    pub(super) fn insert(&self, log: &Arc<Log>, trimmed: Vec<(usize, u64)>, open_streams: Vec<OpenStream>) {
        let (log, channel) = (Arc::downgrade(log), channel_id(log));
        let tracked = TrackedLog { log, trimmed, open_streams, use_recorded_at: Instant::now() };
        self.lock().insert(channel, tracked);
    }

    /// Returns the open text streams of open logs for which `is_abandoned` returns `true`.
    pub(super) fn list_streams(
        &self,
        is_abandoned: impl Fn(&OpenStream) -> bool,
    ) -> Vec<(Arc<Log>, OpenStream)> {
        let open = self.lock();
        let tracked =
            open.values().filter_map(|tracked| Some((tracked.log.upgrade()?, &tracked.open_streams)));
        let streams = tracked.flat_map(|(log, streams)| {
            let abandoned = streams.iter().filter(|stream| is_abandoned(stream)).cloned();
            abandoned.map(move |stream| (Arc::clone(&log), stream)).collect::<Vec<_>>()
        });
        streams.collect()
    }

    /// Forgets a text stream that has ended.
    pub(super) fn forget_stream(&self, channel: i64, stream_id: &str) {
        if let Some(tracked) = self.lock().get_mut(&channel) {
            tracked.open_streams.retain(|stream| stream.id != stream_id);
        }
    }

    /// Returns the open logs, and forgets those that are closed.
    pub(super) fn list(&self) -> Vec<Arc<Log>> {
        let mut open = self.lock();
        open.retain(|_, tracked| tracked.log.strong_count() > 0);
        open.values().filter_map(|tracked| tracked.log.upgrade()).collect()
    }

    pub(super) fn find(&self, channel: i64) -> Option<Arc<Log>> {
        self.lock().get(&channel).and_then(|tracked| tracked.log.upgrade())
    }

    pub(super) fn is_open(&self, channel: i64) -> bool {
        self.find(channel).is_some()
    }

    /// Hands a committed message to its log. Returns `false` if the log lacks earlier ones, which another process
    /// appended.
    pub(super) fn deliver(&self, log: &Log, message: StoredMessage) -> bool {
        let mut open = self.lock();
        let (offset, head) = (message.offset, log.head());
        if offset == head + 1 {
            follow_streams(&mut open, log, &message);
            log.append_stored(message);
        }
        offset <= head + 1
    }

    /// Hands a log what changed since `after`.
    pub(super) fn apply(&self, log: &Arc<Log>, change: Change, after: u64) -> Applied {
        if change.epoch != Some(log.epoch()) {
            self.retire(log);
            return Applied::Ended;
        }
        if change.head < after {
            return Applied::Lost;
        }
        if change.count != change.head - after {
            return Applied::Incomplete;
        }
        let mut open = self.lock();
        // The writer may have handed over some of them meanwhile.
        let head = log.head();
        for message in change.messages.into_iter().filter(|message| message.offset > head) {
            follow_streams(&mut open, log, &message);
            log.append_stored(message);
        }
        log.skip_to(change.head);
        Applied::Whole
    }

    /// Replaces a log's messages, unless it has received later ones meanwhile. Returns whether it did.
    pub(super) fn reload(&self, log: &Log, stored: StoredLog) -> bool {
        let mut open = self.lock();
        let is_current = log.head() <= stored.head;
        if is_current {
            for message in &stored.messages {
                follow_streams(&mut open, log, message);
            }
            log.reload(stored);
        }
        is_current
    }

    /// Retires a log whose epoch has ended. The hub opens the channel again when it is used next.
    pub(super) fn retire(&self, log: &Arc<Log>) {
        tracing::debug!(channel = log.channel().name(), "the history of a channel was replaced");
        let mut open = self.lock();
        log.retire();
        let channel = channel_id(log);
        if open.get(&channel).is_some_and(|tracked| tracked.log.ptr_eq(&Arc::downgrade(log))) {
            open.remove(&channel);
        }
    }

    /// Returns the messages that a log has evicted, if there are at least this many.
    pub(super) fn take_evicted(&self, log: &Log, at_least: usize) -> Option<Trim> {
        let evicted = log.take_evicted(at_least);
        if evicted.is_empty() {
            return None;
        }
        let channel = channel_id(log);
        let before = self.lock().get(&channel).map(|tracked| tracked.trimmed.clone()).unwrap_or_default();
        Some(Trim { channel, definition: log.channel().definition(), before, evicted })
    }

    /// Records that messages were deleted.
    pub(super) fn record_trim(&self, trim: Trim) {
        if let Some(tracked) = self.lock().get_mut(&trim.channel) {
            tracked.trimmed = trim.evicted;
        }
    }

    /// Returns the open channels whose use was recorded before a time, and regards them as recorded now.
    pub(super) fn take_unrecorded(&self, before: Instant) -> Vec<i64> {
        let mut open = self.lock();
        let due = open.iter_mut().filter(|(_, tracked)| tracked.use_recorded_at < before);
        due.map(|(channel, tracked)| {
            tracked.use_recorded_at = Instant::now();
            *channel
        })
        .collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<i64, TrackedLog>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
