//! The logs of the channels in use.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;

use super::OpenError;
use crate::channel::{Channel, Registry};
use crate::clock;
use crate::history::{Limits, Log, MemoryBudget};
use crate::metrics;
use crate::storage::{Engine, Storage, end_abandoned_streams};

/// How often logs are tidied, unless memory is short.
const TIDY_INTERVAL: Duration = Duration::from_secs(10);

/// The minimum time between tidying, which visits every log.
const TIDY_PAUSE: Duration = Duration::from_secs(1);

/// How long an unused log stays in memory.
const IDLE_TIME: Duration = Duration::from_secs(60);

/// A log, or one that is being restored from the storage.
type LogCell = Arc<OnceCell<Arc<Log>>>;

/// The logs by the names of their channels. Empty if the storage itself keeps the logs.
type LogCells = RwLock<HashMap<Arc<str>, LogCell>>;

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
    storage: Storage,
    limits: Limits,
    max_idle: usize,
    written_streams: WrittenStreams,
    tidying: Mutex<Option<JoinHandle<()>>>,
}

impl Channels {
    pub(super) fn new(
        registry: &'static Registry,
        storage: Storage,
        max_idle: usize,
        limits: Limits,
    ) -> Self {
        storage.engine().set_registry(registry);
        Self {
            cells: Arc::default(),
            registry,
            storage,
            limits,
            max_idle,
            written_streams: WrittenStreams::default(),
            tidying: Mutex::new(None),
        }
    }

    /// Registers a text stream that this process writes, so that it is not ended as abandoned.
    pub(super) fn register_stream(&self, id: &str) -> StreamGuard {
        self.written_streams.lock().insert(id.to_owned());
        StreamGuard { written_streams: self.written_streams.clone(), id: id.to_owned() }
    }

    pub(super) fn storage(&self) -> &dyn Engine {
        self.storage.engine()
    }

    /// Returns a channel's log, or `None` if opening it must wait for the storage.
    pub(super) fn try_open(&self, channel: &Channel) -> Option<Result<Arc<Log>, OpenError>> {
        if let Some(log) = self.find_open(channel.name()).filter(|log| log.has_definition_of(channel)) {
            return Some(Ok(log));
        }
        if self.registry.resolve(channel.name()).as_ref() != Some(channel) {
            return Some(Err(OpenError::Unknown));
        }
        self.start_tidying();
        self.storage().try_open_log(channel, &self.limits).map(|log| log.map_err(OpenError::Storage))
    }

    /// Returns a channel's log. Restores it from the storage, or creates it, if it is not in memory.
    pub(super) async fn open(&self, channel: &Channel) -> Result<Arc<Log>, OpenError> {
        if let Some(log) = self.try_open(channel) {
            return log;
        }
        let cell = self.cell(channel);
        let open = async || {
            let opened = self.storage().open_log(channel.clone(), self.limits.clone()).await?;
            end_abandoned_streams(self.storage(), opened, |stream| self.written_streams.contains(stream))
                .await
        };
        cell.get_or_try_init(open).await.map(Arc::clone).map_err(OpenError::Storage)
    }

    /// Returns an open log by the name of its channel.
    pub(super) fn find_open(&self, name: &str) -> Option<Arc<Log>> {
        if let Some(log) = self.storage().find_log(name) {
            return Some(log);
        }
        let cells = self.cells.read().unwrap_or_else(PoisonError::into_inner);
        cells.get(name).and_then(|cell| cell.get()).filter(|log| !log.is_retired()).cloned()
    }

    /// Returns the cell of a channel, which is empty if the channel must be opened.
    fn cell(&self, channel: &Channel) -> LogCell {
        let mut cells = self.cells.write().unwrap_or_else(PoisonError::into_inner);
        let cell = cells.entry(channel.shared_name()).or_default();
        if cell.get().is_some_and(|log| log.is_retired()) {
            *cell = LogCell::default();
        }
        Arc::clone(cell)
    }

    /// Starts the task that tidies logs, unless it runs. It ends when the hub is dropped.
    fn start_tidying(&self) {
        let Ok(runtime) = Handle::try_current() else { return };
        let mut tidying = self.tidying.lock().unwrap_or_else(PoisonError::into_inner);
        if tidying.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        let (cells, engine) = (Arc::downgrade(&self.cells), self.storage.downgrade());
        let (memory, max_idle) = (Arc::clone(&self.limits.memory), self.max_idle);
        *tidying = Some(runtime.spawn(async move {
            loop {
                let _ =
                    tokio::time::timeout(clock::poll_interval(TIDY_INTERVAL), memory.wait_until_crowded())
                        .await;
                tokio::time::sleep(TIDY_PAUSE).await;
                let (Some(cells), Some(engine)) = (cells.upgrade(), engine.upgrade()) else { return };
                let logs = tidy(&cells, &memory, max_idle) + engine.tidy(max_idle);
                metrics::set_history(logs, memory.bytes());
                engine.record_metrics();
            }
        }));
    }
}

/// Drops messages that are too old, and then closes unused logs, the longest idle first:
///
/// - those that were idle for a while;
/// - empty ones, if there are more than `max_idle`;
/// - any, if memory is short.
///
/// Returns the number of logs that there were.
fn tidy(cells: &LogCells, memory: &MemoryBudget, max_idle: usize) -> usize {
    let all: Vec<LogCell> = cells.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
    let mut unused = Vec::new();
    for log in all.iter().filter_map(|cell| cell.get()) {
        let idle = log.tidy();
        if is_unused(log) {
            unused.push((idle, log.channel().shared_name()));
        }
    }
    let count = all.len();
    drop(all);
    unused.sort_by(|(idle, name), (other, other_name)| {
        idle.last_used.cmp(&other.last_used).then_with(|| name.cmp(other_name))
    });
    let mut excess = unused.iter().filter(|(idle, _)| idle.has_no_history).count().saturating_sub(max_idle);
    for (idle, name) in unused {
        let is_excess = idle.has_no_history && excess > 0;
        excess -= usize::from(is_excess);
        let must_close = idle.last_used.elapsed() > IDLE_TIME || memory.is_crowded();
        if !is_excess && !must_close {
            continue;
        }
        let mut cells = cells.write().unwrap_or_else(PoisonError::into_inner);
        // Under the lock nobody can obtain the cell, so the count is exact.
        let Some(cell) = cells.get(&name).filter(|cell| Arc::strong_count(cell) == 1) else { continue };
        let Some(log) = cell.get().filter(|log| is_unused(log)) else { continue };
        if must_close || log.tidy().has_no_history {
            cells.remove(&name);
        }
    }
    count
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
    use crate::storage::Memory;
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
        let memory = Arc::new(MemoryBudget::new(100_000));
        let limits = Limits { max_channel_bytes: 1000, max_stream_bytes: 1000, memory };
        Channels::new(&REGISTRY, Memory::new().into(), max_idle, limits)
    }

    fn room(channels: &Channels, id: u32) -> Arc<Log> {
        channels.try_open(&Channel::new(&ROOM, &[&id]).unwrap()).unwrap().unwrap()
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
        let open =
            || (0..10).filter(|id| channels.find_open(&format!("room:{id}")).is_some()).collect::<Vec<u32>>();
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(open().len(), 10, "history still holds their messages");
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(open(), [0, 7, 8, 9], "the one in use, and three idle ones");
        assert!(Arc::ptr_eq(&held, &room(&channels, 0)));
    }
}
