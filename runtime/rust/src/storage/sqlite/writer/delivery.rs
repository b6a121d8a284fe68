//! Hands committed messages to the logs, and deletes the messages that logs evict.

use std::collections::btree_map::Entry;
use std::sync::Arc;

use super::super::batch::Appended;
use super::super::messages::{self, ChannelEpoch};
use super::{TRIM_THRESHOLD, TrackedLog, Writer};
use crate::history::{Log, StoredMessage};

impl Writer {
    /// Hands committed messages to their logs.
    pub(super) fn hand_to_logs(&mut self, appended: Appended) {
        for log in appended.retired {
            self.retire(&log);
        }
        for (log, message) in appended.messages {
            self.publish(&log, message);
        }
        for (epoch, message) in appended.moved {
            let log = self.open_logs.get(&epoch.row).and_then(|open| open.log.upgrade());
            if let Some(log) = log.filter(|log| log.epoch() == epoch.number) {
                self.publish(&log, message);
            }
        }
    }

    /// Retires a log whose epoch has ended. The hub opens the channel again when it is used next.
    pub(super) fn retire(&mut self, log: &Arc<Log>) {
        tracing::debug!(channel = log.channel().name(), "the history of a channel was replaced");
        log.retire();
        let is_same = |open: &mut TrackedLog| open.log.ptr_eq(&Arc::downgrade(log));
        if let Entry::Occupied(mut open) = self.open_logs.entry(ChannelEpoch::from_log(log).row)
            && is_same(open.get_mut())
        {
            open.remove();
        }
    }

    /// Hands a committed message to its log, and so to the log's readers.
    fn publish(&mut self, log: &Arc<Log>, message: StoredMessage) {
        if message.offset == log.head() + 1 {
            log.append_stored(message);
        } else if message.offset > log.head() {
            // Another process appended first.
            self.catch_up(log);
        }
        if self.is_inline {
            self.untrimmed.push(Arc::downgrade(log));
        } else {
            self.trim(std::slice::from_ref(log), TRIM_THRESHOLD);
        }
    }

    /// Deletes the messages that each of these logs has evicted, if there are at least this many.
    pub(super) fn trim(&mut self, logs: &[Arc<Log>], at_least: usize) {
        let take_evicted = |log: &Arc<Log>| {
            let evicted = log.take_evicted(at_least);
            let row = ChannelEpoch::from_log(log).row;
            (!evicted.is_empty()).then_some((row, log.channel().definition(), evicted))
        };
        let evicted: Vec<_> = logs.iter().filter_map(take_evicted).collect();
        if evicted.is_empty() {
            return;
        }
        let open = std::mem::take(&mut self.open_logs);
        let trimmed = self.transact(|transaction| {
            evicted.iter().try_for_each(|(row, definition, evicted)| {
                let before = open.get(row).map_or(&[][..], |open| &open.trimmed);
                messages::trim(transaction, *row, definition, before, evicted)
            })
        });
        self.open_logs = open;
        // Messages that are not deleted now are deleted the next time.
        if trimmed.is_ok() {
            for (row, _, evicted) in evicted {
                self.open_logs.entry(row).and_modify(|open| open.trimmed = evicted);
            }
        }
    }
}
