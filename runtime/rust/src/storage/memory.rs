//! Memory as a storage: the logs of the hub are all that is stored.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::inspection::{
    CallRow, ChannelQuery, ChannelSummary, HistoryQuery, HistoryRows, Inspection, Rows, RunDetailsRow,
    RunQuery, RunRow, SignalRow,
};
use super::{
    AppendError, CallSite, Entry, Messages, OnRevoked, OpenedLog, Storage, StorageCall, StorageError,
    StorageFuture, abandoned_streams,
};
use crate::channel::{Channel, Registry};
use crate::clock;
use crate::history::{Appended, Limits, Log};
use crate::random;
use crate::token::Revocations;

mod channels;
mod journal;
mod logs;
#[cfg(test)]
mod tests;

use journal::MemoryJournal;
use logs::Logs;

/// A storage in the memory of this process, which is the default of a hub. What it contains ends with the process.
///
/// Use it in tests, and for channels whose history may end with the process. After a restart, subscribers that resume
/// receive a gap, and revoked tokens are valid again.
///
/// Clones share what they contain. Give each hub of a process its own clone, and the hubs exchange messages and
/// revocations as servers do that share a file. A channel counts toward the memory limits of the hub that opened it first.
///
/// ```
/// # fn hubs(registry: &'static fanfare::Registry, key: &str) -> Result<(), fanfare::BuildError> {
/// use fanfare::{Hub, Memory};
///
/// let memory = Memory::new();
/// let one = Hub::builder(registry).signing_key(key).storage(memory.clone()).build()?;
/// let other = Hub::builder(registry).signing_key(key).storage(memory).build()?;
/// # Ok(())
/// # }
/// ```
pub struct Memory {
    shared: Arc<Shared>,
    /// Identifies this clone, which counts as a process of its own.
    owner: u32,
}

struct Shared {
    logs: Logs,
    journal: MemoryJournal,
    last_epoch: AtomicU64,
    /// When the storage was created, by the wall clock and by the steady clock.
    created_at: (SystemTime, Duration),
    revocations: Revocations,
    /// The listeners for revocations, each with its owner.
    listeners: Mutex<Vec<(u32, OnRevoked)>>,
}

impl Memory {
    /// Creates an empty storage.
    #[must_use]
    pub fn new() -> Self {
        let shared = Shared {
            logs: Logs::default(),
            journal: MemoryJournal::default(),
            last_epoch: AtomicU64::new(0),
            created_at: (clock::wall_time(), clock::steady_time()),
            revocations: Revocations::default(),
            listeners: Mutex::default(),
        };
        Self { shared: Arc::new(shared), owner: random::number() }
    }

    /// Makes other clones believe that this one has ended without releasing its runs.
    #[cfg(test)]
    pub(super) fn mark_ended(&self, owner: u32) {
        self.shared.journal.mark_ended(owner);
    }

    /// Deletes a channel.
    #[cfg(test)]
    pub(super) fn delete_channel(&self, name: &str) {
        self.shared.logs.remove(name);
    }
}

impl Shared {
    fn open(&self, channel: &Channel, limits: &Limits) -> Result<Arc<Log>, StorageError> {
        self.logs.open(channel, limits, || self.next_epoch())
    }

    fn now(&self) -> SystemTime {
        let (created_at, steady) = self.created_at;
        created_at + clock::steady_time().saturating_sub(steady)
    }

    fn append(&self, entry: Entry) -> Result<Appended, AppendError> {
        let Entry { mut log, topic, frame, key, .. } = entry;
        if log.is_retired() {
            log = self.open(log.channel(), log.limits())?;
        }
        log.append(topic, frame, key).map_err(AppendError::from)
    }

    /// Returns a new epoch. Epochs are times in milliseconds, so that the ids of a channel's later log are greater, even
    /// after a restart.
    fn next_epoch(&self) -> u64 {
        let now = u64::try_from(clock::to_milliseconds(clock::wall_time())).unwrap_or(0);
        let next = |last: u64| Some(now.max(last + 1));
        let last = self.last_epoch.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        last.ok().and_then(next).unwrap_or(now)
    }

    /// Ends the text streams of an owner that is gone, so that their readers do not wait for more text.
    fn end_streams(&self, owner: u32) {
        for log in self.logs.all() {
            let open = log.open_streams().into_iter();
            for stream in open.filter(|stream| !stream.is_of_run() && stream.owner() == Some(owner)) {
                let Entry { topic, frame, key, .. } = abandoned_streams::end_entry(&log, &stream);
                // The key is used for this message only.
                let _ = log.append(topic, frame, key);
            }
        }
    }

    fn listeners(&self) -> MutexGuard<'_, Vec<(u32, OnRevoked)>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Clone for Memory {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), owner: random::number() }
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Memory").finish_non_exhaustive()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.shared.listeners().retain(|(owner, _)| *owner != self.owner);
        self.shared.journal.mark_ended(self.owner);
        // After the last clone, nobody reads the logs.
        if Arc::strong_count(&self.shared) > 1 {
            self.shared.end_streams(self.owner);
        }
    }
}

impl From<Memory> for Storage {
    fn from(memory: Memory) -> Self {
        Self::new(memory)
    }
}

impl Messages for Memory {
    fn set_registry(&self, _: &'static Registry) {}

    fn follow_revocations(&self, listener: OnRevoked) {
        // Report the earlier ones under the lock, so that none is missed.
        let mut listeners = self.shared.listeners();
        for (id, age) in self.shared.revocations.list() {
            listener(&id, age);
        }
        listeners.push((self.owner, listener));
    }

    fn storage_time(&self) -> SystemTime {
        self.shared.now()
    }

    fn is_durable(&self) -> bool {
        false
    }

    fn health(&self) -> Result<(), StorageError> {
        Ok(())
    }

    fn owner(&self) -> u32 {
        self.owner
    }

    fn find_log(&self, channel: &str) -> Option<Arc<Log>> {
        self.shared.logs.find(channel)
    }

    fn try_open_log(&self, channel: &Channel, limits: &Limits) -> Option<Result<Arc<Log>, StorageError>> {
        Some(self.shared.open(channel, limits))
    }

    fn open_log(&self, channel: Channel, limits: Limits) -> StorageFuture<Result<OpenedLog, StorageError>> {
        let opened = self.shared.open(&channel, &limits).map(|log| OpenedLog { log, abandoned: Vec::new() });
        Box::pin(async { opened })
    }

    fn catch_up(&self, _: &Channel) -> StorageFuture<Result<(), StorageError>> {
        Box::pin(async { Ok(()) })
    }

    fn append(&self, entry: Entry) -> StorageCall<Result<Appended, AppendError>> {
        StorageCall::done(self.shared.append(entry))
    }

    fn tidy(&self, max_idle: usize) -> usize {
        self.shared.logs.tidy(max_idle)
    }

    fn list_revoked(&self) -> Vec<(String, Duration)> {
        // `follow_revocations` reports them.
        Vec::new()
    }

    fn revoke(&self, id: &str) -> StorageFuture<Result<(), StorageError>> {
        let listeners = self.shared.listeners();
        self.shared.revocations.add(id, Duration::ZERO);
        for (_, listener) in &*listeners {
            listener(id, Duration::ZERO);
        }
        Box::pin(async { Ok(()) })
    }
}

impl Inspection for Memory {
    fn engine_name(&self) -> &'static str {
        "memory"
    }

    fn file(&self) -> Option<&Path> {
        None
    }

    fn list_runs(&self, query: RunQuery) -> StorageFuture<Result<Rows<RunRow, i64>, StorageError>> {
        let runs = self.shared.journal.list_runs(&query, clock::to_milliseconds(self.shared.now()));
        Box::pin(async { Ok(runs) })
    }

    fn read_run(&self, run_id: String) -> StorageFuture<Result<Option<RunDetailsRow>, StorageError>> {
        let run = self.shared.journal.read_run(&run_id, clock::to_milliseconds(self.shared.now()));
        Box::pin(async { Ok(run) })
    }

    fn list_calls(
        &self,
        run_id: String,
        after: Option<CallSite>,
        limit: usize,
    ) -> StorageFuture<Result<Option<Rows<CallRow, CallSite>>, StorageError>> {
        let calls = self.shared.journal.list_calls(&run_id, after.as_ref(), limit);
        Box::pin(async { Ok(calls) })
    }

    fn list_signals(
        &self,
        run_id: String,
        after: i64,
        limit: usize,
    ) -> StorageFuture<Result<Option<Rows<SignalRow, i64>>, StorageError>> {
        let signals = self.shared.journal.list_signals(&run_id, after, limit);
        Box::pin(async { Ok(signals) })
    }

    fn list_channels(
        &self,
        query: ChannelQuery,
    ) -> StorageFuture<Result<Rows<ChannelSummary, String>, StorageError>> {
        let listed = channels::list_channels(&self.shared.logs, &query);
        Box::pin(async { Ok(listed) })
    }

    fn read_history(&self, query: HistoryQuery) -> StorageFuture<Result<Option<HistoryRows>, StorageError>> {
        let read = self.shared.logs.find(&query.channel).map(|log| channels::read_history(&log, &query));
        Box::pin(async { Ok(read) })
    }
}
