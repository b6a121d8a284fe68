//! The periodic work of the writer.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::super::super::abandoned_streams::end_entry;
use super::super::super::sql::has_writer;
use super::super::batch::{Batch, Request, Work};
use super::super::statements::{Statements, finish};
use super::super::{StorageError, channels, processes, revocations, sweep};
use super::{Executed, NOT_FOLLOWED, TRIM_THRESHOLD, TransactionError, Writer};
use crate::history::OpenStream;

/// How often to check that the file still exists and, if nothing else uses it, that it works; and how often to renew
/// the file's mark.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// How often to look for channels whose use must be recorded again. Other processes do not delete a channel whose use
/// was recorded within the week.
const USE_CHECK_INTERVAL: Duration = Duration::from_secs(6 * 3600);

/// The maximum number of channels whose use one sweep records.
const MAX_RECORDED_USES: usize = 1_000;

impl Writer {
    /// Deletes the messages that were evicted from logs that callers appended to.
    pub(super) fn trim_untrimmed(&mut self) {
        let logs: Vec<_> = self.untrimmed.drain(..).filter_map(|log| log.upgrade()).collect();
        self.trim(&logs, TRIM_THRESHOLD);
    }

    /// Copies the write-ahead log into the file.
    pub(super) fn checkpoint_if_due(&mut self) {
        if self.checkpoints.is_due() && self.checkpoints.run(&self.connection) {
            let clock = self.clock;
            // The next commit begins the log again and waits for the disk, so make that commit here.
            let _ = self.transact(|transaction| clock.record(transaction));
        }
    }

    /// Hands the hub the revocations by other processes.
    pub(super) fn read_revocations(&mut self) {
        let Some(on_revoked) = self.on_revoked.as_ref().filter(|_| !bug!(RevocationsNotShared)) else {
            return;
        };
        match revocations::read(&self.connection, self.latest_revocation, self.clock.now()) {
            Ok((revoked, latest)) => {
                for (id, age) in &revoked {
                    on_revoked(id, *age);
                }
                self.latest_revocation = latest;
            }
            Err(error) => {
                tracing::error!(%error, "failed to read the storage");
                // Make the next check read again, even if nothing is written until then.
                self.followed_version = NOT_FOLLOWED;
            }
        }
    }

    pub(super) fn sweep_if_due(&mut self) {
        let Some(registry) = self.registry.filter(|_| self.sweep_at <= Instant::now()) else { return };
        self.open_logs.retain(|_, open| open.log.strong_count() > 0);
        let logs: Vec<_> = self.open_logs.values().filter_map(|open| open.log.upgrade()).collect();
        self.trim(&logs, 1);
        drop(logs);
        let unrecorded =
            self.open_logs.iter().filter(|(_, open)| open.use_recorded_at.elapsed() >= USE_CHECK_INTERVAL);
        let unrecorded: Vec<i64> = unrecorded.map(|(row, _)| *row).take(MAX_RECORDED_USES).collect();
        let (clock, mut open) = (self.clock, std::mem::take(&mut self.open_logs));
        let swept = self.transact(|transaction| {
            clock.record(transaction)?;
            processes::remove_ended_without_runs(transaction)?;
            unrecorded.iter().try_for_each(|row| channels::record_use(transaction, *row, clock.now()))?;
            sweep::sweep(transaction, registry, |row| open.contains_key(&row), clock.now())
        });
        if swept.is_ok() {
            let now = Instant::now();
            for row in unrecorded {
                open.entry(row).and_modify(|open| open.use_recorded_at = now);
            }
        }
        self.open_logs = open;
        let next = if matches!(swept, Ok(true)) { sweep::UNFINISHED_INTERVAL } else { sweep::INTERVAL };
        self.sweep_at = Instant::now() + next;
        if matches!(swept, Err(TransactionError { is_corrupt: true, .. })) {
            self.repair_due();
        }
    }

    /// Sets aside the channels that could not be swept because they are damaged.
    fn repair_due(&mut self) {
        let due = sweep::find_due(&self.connection, self.clock.now()).unwrap_or_default();
        for due in due {
            self.repair(due.row);
        }
    }

    /// Renews the file's mark if ids were assigned since it was last renewed.
    fn renew_mark(&mut self) {
        let Some(file) = self.file.take() else { return };
        if self.has_assigned_ids && !file.was_replaced() {
            let renewed = self
                .transact(|transaction| file.renew_mark(transaction))
                .and_then(|()| self.transact(|transaction| file.publish_mark(transaction)));
            self.has_assigned_ids = renewed.is_err();
        }
        self.file = Some(file);
    }

    /// Registers under another number if another process has found that this one has ended.
    fn renew_registration(&mut self) {
        if let Ok(false) = processes::is_registered(&self.connection, self.owner.get())
            && let Ok(owner) = self.transact(|transaction| processes::register(transaction))
        {
            self.owner.set(owner);
            tracing::warn!(
                "another process has ended the text streams of this one, because it seemed to have ended"
            );
        }
    }

    pub(super) fn check_if_due(&mut self) {
        let now = Instant::now();
        if now < self.checked_at + CHECK_INTERVAL {
            return;
        }
        self.checked_at = now;
        if let Some(file) = self.file.as_ref().filter(|file| self.file_lost.is_none() && file.was_replaced())
        {
            let file = file.path().display();
            let error = StorageError::new(format!(
                "the file {file} was deleted or replaced while it was open: restart the server"
            ));
            tracing::error!(%error, "the storage can no longer be used");
            self.health.set(Err(error.clone()));
            self.file_lost = Some(error);
        }
        self.renew_mark();
        self.renew_registration();
        self.end_abandoned_streams();
        if now >= self.committed_at + CHECK_INTERVAL {
            self.probe();
        }
    }

    /// Returns the text streams that no process will continue. This process has just opened their log, so it does not
    /// write them either.
    pub(super) fn find_abandoned(&self, mut open: Vec<OpenStream>) -> Vec<OpenStream> {
        let is_abandoned = |stream: &OpenStream| {
            if stream.is_of_run() {
                return !finish(has_writer(&mut Statements(&self.connection), &stream.id)).unwrap_or(true);
            }
            let owner = stream.owner().filter(|owner| *owner != self.owner.get());
            !owner.is_some_and(|owner| processes::is_running(&self.connection, owner).unwrap_or(true))
        };
        open.retain(|stream| is_abandoned(stream) && !bug!(AbandonedStreamsNotEnded));
        open
    }

    /// Ends the text streams of processes that have ended since the last check, so that their readers do not wait for
    /// more.
    fn end_abandoned_streams(&mut self) {
        let Ok(running) = processes::list_running(&self.connection) else { return };
        let ended: Vec<u32> = self.peers.difference(&running).copied().collect();
        if !ended.is_empty() {
            // They may have ended their streams themselves.
            self.follow();
        }
        let is_abandoned = |stream: &OpenStream| stream.owner().is_some_and(|owner| ended.contains(&owner));
        let mut work: Vec<Box<dyn Work>> = Vec::new();
        for owner in ended.iter().copied() {
            let (reply, _) = oneshot::channel();
            // The end of a text stream is its last message, even if the process still runs.
            let mark = move |batch: &mut Batch<'_>| processes::mark_ended(batch.transaction, owner);
            work.push(Request::boxed(mark, reply));
        }
        let logs = if ended.is_empty() { None } else { Some(self.open_logs.values()) };
        for log in logs.into_iter().flatten().filter_map(|open| open.log.upgrade()) {
            for stream in log
                .open_streams()
                .into_iter()
                .filter(is_abandoned)
                .filter(|_| !bug!(AbandonedStreamsNotEnded))
            {
                let end = end_entry(&log, &stream);
                let (reply, _) = oneshot::channel();
                work.push(Request::boxed(move |batch| batch.append(&end).map(drop), reply));
            }
        }
        let mut done = Vec::new();
        self.execute_work(work, &mut done);
        if done.iter().all(|done| matches!(done, Executed::Committed { .. })) {
            self.peers = running;
        }
        self.notify_callers(done);
    }

    /// Uses the file, so that an idle process notices when it fails, and when it works again. Only a write shows
    /// whether the disk is still full.
    fn probe(&mut self) {
        let (clock, is_failing) = (self.clock, self.health.get().is_err());
        let _ = self.transact(|transaction| {
            if is_failing {
                clock.record(transaction)?;
            }
            transaction.query_row("SELECT count(*) FROM facts", [], |_| Ok(()))
        });
    }
}
