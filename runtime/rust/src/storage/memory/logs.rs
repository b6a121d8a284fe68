//! The logs of a storage in memory. Each is the only copy of its channel.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::StorageError;
use crate::channel::Channel;
use crate::history::{Idle, Limits, Log};

/// The logs by the names of their channels.
#[derive(Default)]
pub(super) struct Logs(RwLock<Named>);

#[derive(Default)]
struct Named {
    by_name: HashMap<Arc<str>, Arc<Log>>,
    /// The names in order, for lists. Publishers use the map, because its lookups are faster.
    names: BTreeSet<Arc<str>>,
}

impl Named {
    fn insert(&mut self, log: &Arc<Log>) {
        let name = log.channel().shared_name();
        self.names.insert(Arc::clone(&name));
        self.by_name.insert(name, Arc::clone(log));
    }

    fn remove(&mut self, name: &str) -> Option<Arc<Log>> {
        self.names.remove(name);
        self.by_name.remove(name)
    }
}

impl Logs {
    pub(super) fn find(&self, name: &str) -> Option<Arc<Log>> {
        self.read().by_name.get(name).cloned()
    }

    /// Returns the log of a channel. Creates it if there is none, and recreates it if it has another definition.
    pub(super) fn open(
        &self,
        channel: &Channel,
        limits: &Limits,
        next_epoch: impl FnOnce() -> u64,
    ) -> Result<Arc<Log>, StorageError> {
        let mut logs = self.write();
        let log = match logs.by_name.get(channel.name()) {
            Some(log) if log.has_definition_of(channel) => return Ok(Arc::clone(log)),
            Some(log) if is_used(log) => {
                return Err(StorageError::new(format!(
                    "another hub of this process uses the channel {:?} with another definition: drop that hub first",
                    channel.name()
                )));
            }
            Some(log) => Arc::new(log.redefine(channel, limits)),
            None => Arc::new(Log::new(channel.clone(), next_epoch(), limits)),
        };
        logs.insert(&log);
        Ok(log)
    }

    /// Returns the logs of the channels whose names start with a prefix, in order, the next `limit` after a name.
    pub(super) fn list(&self, prefix: &str, after: &str, limit: usize) -> Vec<Arc<Log>> {
        let logs = self.read();
        let start = if after < prefix { Bound::Included(prefix) } else { Bound::Excluded(after) };
        let names = logs.names.range::<str, _>((start, Bound::Unbounded));
        let names = names.take_while(|name| name.starts_with(prefix));
        names.filter_map(|name| logs.by_name.get(name)).take(limit).cloned().collect()
    }

    pub(super) fn all(&self) -> Vec<Arc<Log>> {
        self.read().by_name.values().cloned().collect()
    }

    /// Removes a log, although it may be in use.
    #[cfg(test)]
    pub(super) fn remove(&self, name: &str) {
        if let Some(log) = self.write().remove(name) {
            log.retire();
        }
    }

    /// Evicts messages that are too old, and then removes unused logs, the longest idle first:
    ///
    /// - empty ones, if there are more than `max_idle`;
    /// - any, if memory is short.
    ///
    /// A log remains while it remembers idempotency keys. Returns the number of logs.
    pub(super) fn tidy(&self, max_idle: usize) -> usize {
        let mut unused = Vec::new();
        for log in self.all() {
            let idle = log.tidy();
            // This list and the map refer to it, too.
            if Arc::strong_count(&log) <= 2 {
                unused.push((idle, log.channel().shared_name()));
            }
        }
        unused.sort_by(|(idle, name), (other, other_name)| {
            idle.last_used.cmp(&other.last_used).then_with(|| name.cmp(other_name))
        });
        let mut excess = unused.iter().filter(|(idle, _)| is_empty(idle)).count().saturating_sub(max_idle);
        for (idle, name) in unused {
            let is_excess = is_empty(&idle) && excess > 0;
            excess -= usize::from(is_excess);
            let mut logs = self.write();
            // Under the lock nobody can obtain the log, so the count is exact.
            let Some(log) = logs.by_name.get(&name).filter(|log| !is_used(log)) else { continue };
            let is_crowded = log.is_crowded();
            if !is_excess && !is_crowded {
                continue;
            }
            let idle = log.tidy();
            if is_crowded && idle.has_keys {
                log.evict_all();
            } else if is_crowded || is_empty(&idle) {
                logs.remove(&name);
            }
        }
        self.read().by_name.len()
    }

    fn read(&self) -> RwLockReadGuard<'_, Named> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Named> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns whether anything but the map refers to a log.
fn is_used(log: &Arc<Log>) -> bool {
    Arc::strong_count(log) > 1
}

/// Returns whether nothing is lost with a log but its retained messages.
fn is_empty(idle: &Idle) -> bool {
    idle.has_no_history && !idle.has_keys
}
