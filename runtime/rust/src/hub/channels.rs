//! The logs of the channels in use.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;

use super::OpenError;
use crate::channel::{Channel, Registry};
use crate::clock;
use crate::history::{Idle, Limits, Log, Memory};
use crate::metrics;
use crate::storage::{Storage, end_abandoned_streams};

/// How often logs are tidied, unless memory is short.
const TIDY_INTERVAL: Duration = Duration::from_secs(10);

/// The minimum time between tidying, which visits every log.
const TIDY_PAUSE: Duration = Duration::from_secs(1);

/// How long an unused log stays in memory if a storage has it.
const IDLE_TIME: Duration = Duration::from_secs(60);

/// A log, or one that is being restored from the storage.
type LogCell = Arc<OnceCell<Arc<Log>>>;

type LogCells = RwLock<Cells>;

/// The logs by the names of their channels.
#[derive(Default)]
struct Cells {
    by_name: HashMap<Arc<str>, LogCell>,
    /// The names in order, for lists. Publishers use the map, because its lookups are faster.
    names: BTreeSet<Arc<str>>,
}

impl Cells {
    fn get(&self, name: &str) -> Option<&LogCell> {
        self.by_name.get(name)
    }

    fn get_or_add(&mut self, name: Arc<str>) -> &mut LogCell {
        if !self.by_name.contains_key(&name) {
            self.names.insert(Arc::clone(&name));
        }
        self.by_name.entry(name).or_default()
    }

    fn remove(&mut self, name: &str) {
        self.by_name.remove(name);
        self.names.remove(name);
    }

    /// Iterates over the logs that are open, in the order of their names, from the first name after `after` that starts
    /// with `prefix`.
    fn iter_open<'c>(&'c self, prefix: &'c str, after: &'c str) -> impl Iterator<Item = &'c Arc<Log>> {
        let start = if after < prefix { Bound::Included(prefix) } else { Bound::Excluded(after) };
        let names = self.names.range::<str, _>((start, Bound::Unbounded));
        let names = names.take_while(move |name| name.starts_with(prefix));
        names.filter_map(|name| self.get(name)).filter(|cell| !is_retired(cell)).filter_map(|cell| cell.get())
    }
}

/// The ids of the text streams that this process writes.
#[derive(Clone, Default)]
struct WrittenStreams(Arc<Mutex<HashSet<String>>>);

impl WrittenStreams {
    fn contains(&self, id: &str) -> bool {
        self.lock().contains(id)
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A text stream that this process writes, until this is dropped.
pub(crate) struct StreamGuard {
    written_streams: WrittenStreams,
    id: String,
}

impl Drop for StreamGuard {
    fn drop(&mut self) {
        self.written_streams.lock().remove(&self.id);
    }
}

pub(super) struct Channels {
    cells: Arc<LogCells>,
    registry: &'static Registry,
    storage: Option<Storage>,
    limits: Limits,
    max_idle: usize,
    last_epoch: AtomicU64,
    written_streams: WrittenStreams,
    tidying: Mutex<Option<JoinHandle<()>>>,
}

impl Channels {
    pub(super) fn new(
        registry: &'static Registry,
        storage: Option<Storage>,
        max_idle: usize,
        limits: Limits,
    ) -> Self {
        if let Some(storage) = &storage {
            storage.engine().set_registry(registry);
        }
        Self {
            cells: Arc::default(),
            registry,
            storage,
            limits,
            max_idle,
            last_epoch: AtomicU64::new(0),
            written_streams: WrittenStreams::default(),
            tidying: Mutex::new(None),
        }
    }

    /// Registers a text stream that this process writes, so that it is not ended as abandoned.
    pub(super) fn register_stream(&self, id: &str) -> StreamGuard {
        self.written_streams.lock().insert(id.to_owned());
        StreamGuard { written_streams: self.written_streams.clone(), id: id.to_owned() }
    }

    pub(super) fn storage(&self) -> Option<&Storage> {
        self.storage.as_ref()
    }

    /// Returns a channel's log, or `None` if opening it must wait for the storage.
    pub(super) fn try_open(&self, channel: &Channel) -> Option<Result<Arc<Log>, OpenError>> {
        if let Some(log) = self.current_cell(channel).and_then(|cell| cell.get().cloned()) {
            return Some(check_definition(log, channel));
        }
        if self.storage.is_some() {
            return None;
        }
        let cell = match self.cell(channel) {
            Ok(cell) => cell,
            Err(error) => return Some(Err(error)),
        };
        // If this fails, another thread has set the cell.
        let _ = cell.set(Arc::new(Log::new(channel.clone(), self.next_epoch(), &self.limits)));
        cell.get().cloned().map(|log| check_definition(log, channel))
    }

    /// Returns a channel's log. Restores it from the storage, or creates it, if it is not in memory.
    pub(super) async fn open(&self, channel: &Channel) -> Result<Arc<Log>, OpenError> {
        if let Some(log) = self.try_open(channel) {
            return log;
        }
        let Some(storage) = &self.storage else { return Err(OpenError::Unknown) };
        let cell = self.cell(channel)?;
        let open = async || {
            let opened = storage.engine().open_log(channel.clone(), self.limits.clone()).await?;
            end_abandoned_streams(storage.engine(), opened, |stream| self.written_streams.contains(stream))
                .await
        };
        let log = cell.get_or_try_init(open).await;
        log.map_err(OpenError::Storage).and_then(|log| check_definition(Arc::clone(log), channel))
    }

    /// Returns the open logs whose names start with a prefix, in order, the next `limit` after a name.
    pub(super) fn list_open(&self, prefix: &str, after: &str, limit: usize) -> Vec<Arc<Log>> {
        let cells = self.cells.read().unwrap_or_else(PoisonError::into_inner);
        cells.iter_open(prefix, after).take(limit).cloned().collect()
    }

    /// Returns an open log by the name of its channel.
    pub(super) fn find_open(&self, name: &str) -> Option<Arc<Log>> {
        self.find_cell(name).and_then(|cell| cell.get().cloned())
    }

    fn current_cell(&self, channel: &Channel) -> Option<LogCell> {
        self.find_cell(channel.name())
    }

    fn find_cell(&self, name: &str) -> Option<LogCell> {
        let cells = self.cells.read().unwrap_or_else(PoisonError::into_inner);
        cells.get(name).filter(|cell| !is_retired(cell)).map(Arc::clone)
    }

    fn cell(&self, channel: &Channel) -> Result<LogCell, OpenError> {
        if self.registry.resolve(channel.name()).as_ref() != Some(channel) {
            return Err(OpenError::Unknown);
        }
        self.start_tidying();
        let mut cells = self.cells.write().unwrap_or_else(PoisonError::into_inner);
        let cell = cells.get_or_add(channel.shared_name());
        if is_retired(cell) {
            *cell = LogCell::default();
        }
        Ok(Arc::clone(cell))
    }

    /// Returns a new epoch, unique in this process. Epochs are times in milliseconds, so that the ids of a channel's
    /// later log are greater, even after a restart.
    fn next_epoch(&self) -> u64 {
        let now = u64::try_from(clock::to_milliseconds(clock::wall_time())).unwrap_or(0);
        let next = |last: u64| Some(now.max(last + 1));
        let last = self.last_epoch.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        last.ok().and_then(next).unwrap_or(now)
    }

    /// Starts the task that tidies logs, unless it runs. It ends when the logs are dropped.
    fn start_tidying(&self) {
        let Ok(runtime) = Handle::try_current() else { return };
        let mut tidying = self.tidying.lock().unwrap_or_else(PoisonError::into_inner);
        if tidying.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        let (cells, memory) = (Arc::downgrade(&self.cells), Arc::clone(&self.limits.memory));
        let (max_idle, is_stored) = (self.max_idle, self.storage.is_some());
        *tidying = Some(runtime.spawn(async move {
            loop {
                let _ =
                    tokio::time::timeout(clock::poll_interval(TIDY_INTERVAL), memory.wait_until_crowded())
                        .await;
                tokio::time::sleep(TIDY_PAUSE).await;
                let Some(cells) = Weak::upgrade(&cells) else { return };
                tidy(&cells, &memory, max_idle, is_stored);
            }
        }));
    }
}

/// Returns `true` if the cell's log is no longer the channel's history, so that the channel must be opened again.
fn is_retired(cell: &LogCell) -> bool {
    cell.get().is_some_and(|log| log.is_retired())
}

/// Returns the log, unless it belongs to another definition with the same channel name.
fn check_definition(log: Arc<Log>, channel: &Channel) -> Result<Arc<Log>, OpenError> {
    if std::ptr::eq(log.channel().definition(), channel.definition()) {
        Ok(log)
    } else {
        Err(OpenError::Unknown)
    }
}

/// Drops messages that are too old, and then unused logs, the longest idle first:
///
/// - with a storage, those that were idle for a while;
/// - empty ones, if there are more than `max_idle`;
/// - any, if memory is short.
///
/// Without a storage, a log remains while it remembers idempotency keys.
fn tidy(cells: &LogCells, memory: &Memory, max_idle: usize, is_stored: bool) {
    let all: Vec<LogCell> =
        cells.read().unwrap_or_else(PoisonError::into_inner).by_name.values().cloned().collect();
    let mut unused = Vec::new();
    for log in all.iter().filter_map(|cell| cell.get()) {
        let idle = log.tidy();
        if is_unused(log) {
            unused.push((idle, log.channel().shared_name()));
        }
    }
    metrics::set_history(all.len(), memory.bytes());
    drop(all);
    unused.sort_by(|(idle, name), (other, other_name)| {
        idle.last_used.cmp(&other.last_used).then_with(|| name.cmp(other_name))
    });
    let is_empty = |idle: &Idle| idle.has_no_history && (is_stored || !idle.has_keys);
    let mut excess = unused.iter().filter(|(idle, _)| is_empty(idle)).count().saturating_sub(max_idle);
    for (idle, name) in unused {
        let is_excess = is_empty(&idle) && excess > 0;
        excess -= usize::from(is_excess);
        let has_aged = is_stored && idle.last_used.elapsed() > IDLE_TIME;
        let must_unload = has_aged || memory.is_crowded();
        if !is_excess && !must_unload {
            continue;
        }
        let mut cells = cells.write().unwrap_or_else(PoisonError::into_inner);
        // Under the lock nobody can obtain the cell, so the count is exact.
        let Some(cell) = cells.get(&name).filter(|cell| Arc::strong_count(cell) == 1) else { continue };
        let Some(log) = cell.get().filter(|log| is_unused(log)) else { continue };
        let idle = log.tidy();
        if must_unload && !is_stored && idle.has_keys {
            log.evict_all();
        } else if must_unload || is_empty(&idle) {
            cells.remove(&name);
        }
    }
}

/// Returns `true` if only its cell refers to the log.
fn is_unused(log: &Arc<Log>) -> bool {
    Arc::strong_count(log) == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::{
        AddressPart, Carries, ChannelDefinition, History, ParamDefinition, Retain, TopicDefinition,
    };
    use crate::schema::{Schema, Text};
    use crate::wire::{DataFrame, Envelope, LogKind};

    static TEXT: Schema = Schema::Text(Text::ANY);
    static ROOM: ChannelDefinition = ChannelDefinition {
        name: "room",
        address: &[AddressPart::Literal("room:"), AddressPart::Param(0)],
        params: &[ParamDefinition { name: "id", schema: &TEXT }],
        topics: &[TopicDefinition::new("said", Carries::Payload(&TEXT), Retain::None)],
        history: History { messages: 10, age: Duration::from_secs(60) },
        fingerprint: "",
        ..ChannelDefinition::EMPTY
    };
    static REGISTRY: Registry = Registry { channels: &[&ROOM] };

    fn channels(max_idle: usize) -> Channels {
        let memory = Arc::new(Memory::new(100_000));
        let limits = Limits { max_channel_bytes: 1000, max_stream_bytes: 1000, memory };
        Channels::new(&REGISTRY, None, max_idle, limits)
    }

    fn room(channels: &Channels, id: u32) -> Arc<Log> {
        channels.try_open(&Channel::new(&ROOM, &[&id]).unwrap()).unwrap().unwrap()
    }

    #[test]
    fn each_log_has_an_epoch_of_its_own_in_order() {
        let channels = channels(0);
        let epochs: Vec<_> = (0..100).map(|_| channels.next_epoch()).collect();
        assert!(epochs.is_sorted_by(|a, b| a < b));
    }

    #[tokio::test(start_paused = true)]
    async fn idle_channels_are_forgotten_the_oldest_first() {
        let channels = channels(3);
        for id in 0..10 {
            let envelope = Envelope { kind: LogKind::Data, channel: "room", topic: "said", run_id: None };
            let frame = DataFrame::encode(envelope, |_| Ok(())).unwrap();
            room(&channels, id).append(0, frame, None).unwrap();
            tokio::time::advance(Duration::from_millis(10)).await;
        }
        let held = room(&channels, 0);
        let count = || channels.cells.read().unwrap().by_name.len();
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(count(), 10, "history still holds their messages");
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(count(), 4, "three idle ones, and the one in use");
        assert!(channels.cells.read().unwrap().get("room:9").is_some());
        assert!(Arc::ptr_eq(&held, &room(&channels, 0)));
        let listed = channels.list_open("", "", 100);
        let names: Vec<_> = listed.iter().map(|log| log.channel().name()).collect();
        assert_eq!(names, ["room:0", "room:7", "room:8", "room:9"], "lists forget the same channels");
    }

    #[test]
    fn a_list_starts_after_a_name_and_has_the_names_with_a_prefix_only() {
        let channels = channels(100);
        for id in [12, 3, 1, 20, 2, 11] {
            room(&channels, id);
        }
        for (prefix, after, limit, expected) in [
            ("", "", 10, &[1, 11, 12, 2, 20, 3][..]),
            ("room:1", "", 10, &[1, 11, 12]),
            ("room:1", "room:1", 10, &[11, 12]),
            ("room:1", "room:11", 10, &[12]),
            ("room:1", "room:2", 10, &[]),
            ("room:2", "room:1", 1, &[2]),
            ("rooms", "", 10, &[]),
        ] {
            let listed = channels.list_open(prefix, after, limit);
            let names: Vec<_> = listed.iter().map(|log| log.channel().name().to_owned()).collect();
            let expected: Vec<_> = expected.iter().map(|id| format!("room:{id}")).collect();
            assert_eq!(names, expected, "{limit} with {prefix:?} after {after:?}");
        }
    }
}
