//! Following what other processes write to the file.

use std::sync::Arc;

use tokio::time::Instant;

use super::super::messages::ChannelEpoch;
use super::super::{channels, messages};
use super::{FOLLOW_INTERVAL, NOT_FOLLOWED, Writer};
use crate::history::{Log, OpenStream};

impl Writer {
    /// Adds the writers of these streams to the processes whose end is noticed. A process may have opened the file
    /// after the last check, and may end before the next.
    pub(super) fn watch_writers(&mut self, open: &[OpenStream]) {
        self.peers.extend(open.iter().filter(|stream| !stream.is_of_run()).filter_map(OpenStream::owner));
    }

    /// Hands a log the messages that another process appended. If they cannot be read now, the next check tries again.
    pub(super) fn catch_up(&mut self, log: &Arc<Log>) {
        match self.try_catch_up(log) {
            Ok(true) => self.watch_writers(&log.open_streams()),
            Ok(false) => self.retire(log),
            Err(error) => {
                let channel = log.channel().name();
                tracing::error!(%error, channel, "failed to read the storage");
                // Otherwise the next check finds the damage again, on the writer's thread.
                if channels::is_corrupt(&error) && !self.is_inline {
                    self.repair(ChannelEpoch::from_log(log).row);
                }
                self.followed_version = NOT_FOLLOWED;
            }
        }
    }

    /// Hands a log the messages that another process appended. Returns `false` if the epoch of the log has ended.
    fn try_catch_up(&self, log: &Log) -> rusqlite::Result<bool> {
        // Use one transaction, so that nothing is deleted between two reads.
        let transaction = self.connection.unchecked_transaction()?;
        let epoch = ChannelEpoch::from_log(log);
        let Some(head) = messages::head(&transaction, epoch)? else { return Ok(false) };
        let definition = log.channel().definition();
        let missed = channels::read_messages(&transaction, epoch.row, epoch.number, definition, log.head())?;
        if missed.count == head - log.head() || bug!(MissedMessagesSkipped) {
            for message in missed.messages {
                log.append_stored(message);
            }
            log.skip_to(head);
        } else if let Some(stored) = channels::read(&transaction, log.channel(), self.clock.now())? {
            // This process missed messages that are deleted. Readers receive a gap up to the evicted offsets.
            log.reload(stored);
        }
        transaction.commit()?;
        Ok(true)
    }

    /// Checks for writes by other processes. Not after each transaction, because the check is a transaction, too.
    pub(super) fn follow_if_due(&mut self) {
        if self.followed_at.elapsed() >= FOLLOW_INTERVAL {
            self.follow();
            self.followed_at = Instant::now();
        }
    }

    /// Checks whether another process has written to the file, and hands the logs the new messages.
    pub(in super::super) fn follow(&mut self) {
        let Ok(version) = self.data_version() else { return };
        if version == std::mem::replace(&mut self.followed_version, version) {
            return;
        }
        self.read_revocations();
        let open: Vec<_> = self.open_logs.values().filter_map(|open| open.log.upgrade()).collect();
        for log in open {
            match messages::head(&self.connection, ChannelEpoch::from_log(&log)) {
                Ok(Some(head)) if head <= log.head() => {}
                Ok(None) => self.retire(&log),
                // Reading the messages reports the error.
                _ => self.catch_up(&log),
            }
        }
    }

    /// Returns a number that changes when another connection commits.
    fn data_version(&self) -> rusqlite::Result<i64> {
        self.connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
    }
}
