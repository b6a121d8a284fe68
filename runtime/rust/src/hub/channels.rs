//! The logs of all channels that are in use.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::channel::{Channel, Registry};
use crate::history::Log;

/// How often logs that nobody uses are tidied.
const TIDY_INTERVAL: Duration = Duration::from_secs(10);

/// The most bytes that idle channels may retain, all together.
const IDLE_BYTES: usize = 256 * 1024 * 1024;

type Logs = RwLock<HashMap<Arc<str>, Arc<Log>>>;

pub(super) struct Channels {
    logs: Arc<Logs>,
    max_idle: usize,
    max_bytes: usize,
    last_life: AtomicU64,
    tidying: Mutex<Option<JoinHandle<()>>>,
}

impl Channels {
    pub(super) fn new(max_idle: usize, max_bytes: usize) -> Self {
        Self {
            logs: Arc::default(),
            max_idle,
            max_bytes,
            last_life: AtomicU64::new(0),
            tidying: Mutex::new(None),
        }
    }

    /// The log of a channel; a new one if it has none and the registry knows it.
    pub(super) fn log(&self, channel: &Channel, registry: &Registry) -> Option<Arc<Log>> {
        let same = |log: &Arc<Log>| std::ptr::eq(log.channel().definition(), channel.definition());
        let logs = self.logs.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(log) = logs.get(channel.name()) {
            return Some(Arc::clone(log)).filter(same);
        }
        drop(logs);
        if registry.resolve(channel.name()).as_ref() != Some(channel) {
            return None;
        }
        self.start_tidying();
        let mut logs = self.logs.write().unwrap_or_else(PoisonError::into_inner);
        let log = logs
            .entry(channel.shared_name())
            .or_insert_with(|| Arc::new(Log::new(channel.clone(), self.next_life(), self.max_bytes)));
        Some(Arc::clone(log))
    }

    /// Lives are the time in milliseconds, so that ids of a later log of a channel are
    /// greater, also after a restart; and no two logs of this process have the same.
    fn next_life(&self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let now = u64::try_from(now).unwrap_or(u64::MAX);
        let next = |last: u64| Some(now.max(last + 1));
        let last = self.last_life.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        last.ok().and_then(next).unwrap_or(now)
    }

    /// Sees to it that a task tidies up for as long as the logs are there.
    fn start_tidying(&self) {
        let Ok(runtime) = Handle::try_current() else { return };
        let mut tidying = self.tidying.lock().unwrap_or_else(PoisonError::into_inner);
        if tidying.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        let (logs, max_idle) = (Arc::downgrade(&self.logs), self.max_idle);
        *tidying = Some(runtime.spawn(async move {
            loop {
                tokio::time::sleep(TIDY_INTERVAL).await;
                let Some(logs) = Weak::upgrade(&logs) else { return };
                tidy(&logs, max_idle);
            }
        }));
    }
}

/// Drops messages that are too old, and the logs that are idle for longest where there are too many.
fn tidy(logs: &Logs, max_idle: usize) {
    let all: Vec<Arc<Log>> = logs.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
    let mut idle = Vec::new();
    for log in all {
        let state = log.tidy();
        // The map has it, and `log` here: nobody subscribes to it.
        if state.empty && Arc::strong_count(&log) == 2 {
            idle.push((state.last_used, state.bytes, log.channel().shared_name()));
        }
    }
    idle.sort_by_key(|(last_used, _, _)| std::cmp::Reverse(*last_used));
    let mut bytes_so_far = 0;
    for (index, (_, bytes, name)) in idle.into_iter().enumerate() {
        bytes_so_far += bytes;
        if index < max_idle && bytes_so_far <= IDLE_BYTES {
            continue;
        }
        let mut logs = logs.write().unwrap_or_else(PoisonError::into_inner);
        // Whoever got hold of it meanwhile did so before this lock, and is counted.
        if logs.get(&name).is_some_and(|log| Arc::strong_count(log) == 1 && log.tidy().empty) {
            logs.remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::{AddressPart, ChannelDefinition, History, ParamDefinition, Retain, TopicDefinition};
    use crate::schema::{Schema, Text};
    use crate::wire::DataFrame;

    static TEXT: Schema = Schema::Text(Text::ANY);
    static ROOM: ChannelDefinition = ChannelDefinition {
        name: "room",
        address: &[AddressPart::Literal("room:"), AddressPart::Param(0)],
        params: &[ParamDefinition { name: "id", schema: &TEXT }],
        topics: &[TopicDefinition { name: "said", schema: &TEXT, retain: Retain::None }],
        history: History { messages: 10, age: Duration::from_secs(60) },
        fingerprint: "",
    };
    static REGISTRY: Registry = Registry { channels: &[&ROOM] };

    fn room(channels: &Channels, id: u32) -> Arc<Log> {
        channels.log(&Channel::new(&ROOM, &[&id]).unwrap(), &REGISTRY).unwrap()
    }

    #[test]
    fn each_log_has_a_life_of_its_own_in_order() {
        let channels = Channels::new(0, 1000);
        let lives: Vec<_> = (0..100).map(|_| channels.next_life()).collect();
        assert!(lives.is_sorted_by(|a, b| a < b));
    }

    #[tokio::test(start_paused = true)]
    async fn idle_channels_are_forgotten_the_oldest_first() {
        let channels = Channels::new(3, 1000);
        for id in 0..10 {
            let frame = DataFrame::encode("room", "said", None, |_| Ok(())).unwrap();
            room(&channels, id).append(0, frame);
            tokio::time::advance(Duration::from_millis(10)).await;
        }
        let held = room(&channels, 0);
        let count = || channels.logs.read().unwrap().len();
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(count(), 10, "history still holds their messages");
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(count(), 4, "three idle ones, and the one in use");
        assert!(channels.logs.read().unwrap().contains_key("room:9"));
        assert!(Arc::ptr_eq(&held, &room(&channels, 0)));
    }
}
