//! The connection that writes. Each transaction contains all work that is waiting.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::batch::{Appended, Batch, Work, in_transaction};
use super::checkpoint::Checkpoints;
use super::clock::StorageClock;
use super::database_file::{DatabaseFile, create_private};
use super::health::{Health, LOCK_TIMEOUT, LockTimeout, is_failure, is_locked};
use super::processes::OwnNumber;
use super::schema::{FileError, prepare};
use super::transaction::Transaction;
use super::{OnRevoked, OpenedLog, StorageError, channels, processes, recovery, revocations};
use crate::channel::{Channel, Registry};
use crate::history::{Limits, Log, OpenStream};

mod delivery;
mod follow;
mod inline;
mod maintenance;

pub(super) use inline::Pace;

/// The number of messages that a log may evict before they are deleted from the file, too.
const TRIM_THRESHOLD: usize = 128;

/// A version that no file has. It makes the next check read all channels.
const NOT_FOLLOWED: i64 = -1;

/// How often to check whether another process has written to the file.
pub(super) const FOLLOW_INTERVAL: Duration = Duration::from_millis(100);

/// A command to the writer.
pub(super) enum Command {
    SetRegistry(&'static Registry),
    FollowRevocations(OnRevoked),
    Open { channel: Channel, limits: Limits, reply: oneshot::Sender<Result<OpenedLog, StorageError>> },
    CatchUp { reply: oneshot::Sender<()> },
    Work(Box<dyn Work>),
}

impl Command {
    pub(super) fn into_work(self) -> Option<Box<dyn Work>> {
        if let Self::Work(work) = self { Some(work) } else { None }
    }
}

/// Executed work whose callers have not been notified yet.
pub(super) enum Executed {
    Opened {
        opened: Result<OpenedLog, StorageError>,
        reply: oneshot::Sender<Result<OpenedLog, StorageError>>,
    },
    CaughtUp {
        reply: oneshot::Sender<()>,
    },
    Committed {
        work: Vec<Box<dyn Work>>,
        appended: Appended,
    },
    Failed {
        work: Box<dyn Work>,
        error: StorageError,
    },
}

pub(super) struct Writer {
    connection: Connection,
    /// `None` if the database exists in memory only.
    file: Option<DatabaseFile>,
    clock: StorageClock,
    health: Health,
    lock_timeout: LockTimeout,
    /// Whether commits wait for the disk.
    is_synchronous: bool,
    pace: Pace,
    checkpoints: Checkpoints,
    /// Logs whose evicted messages have not been looked at, because a caller appended to them.
    untrimmed: Vec<Weak<Log>>,
    /// Whether logs are added to `untrimmed` rather than trimmed.
    is_inline: bool,
    /// Set once the file was deleted or replaced. From then on, all work fails with this error.
    file_lost: Option<StorageError>,
    registry: Option<&'static Registry>,
    on_revoked: Option<OnRevoked>,
    /// The id of the latest revocation that the hub has received.
    latest_revocation: i64,
    /// By the row of the channel.
    open_logs: BTreeMap<i64, TrackedLog>,
    /// When the next sweep is due.
    sweep_at: Instant,
    /// When this process last checked the file.
    checked_at: Instant,
    /// When this process last committed.
    committed_at: Instant,
    /// Whether ids were assigned since the file's mark was renewed.
    has_assigned_ids: bool,
    /// When this process last checked for writes by others.
    followed_at: Instant,
    /// The file's version at that check.
    followed_version: i64,
    owner: OwnNumber,
    /// The processes that had the file open at the last check.
    peers: BTreeSet<u32>,
}

/// Data that is read when the file is opened.
#[derive(Debug)]
pub(super) struct WriterInfo {
    /// The number of this process in the file.
    pub(super) owner: OwnNumber,
    /// The ids of revoked tokens, and the time since then.
    pub(super) revoked: Vec<(String, Duration)>,
    pub(super) clock: StorageClock,
    pub(super) health: Health,
}

/// Why a transaction failed.
struct TransactionError {
    error: StorageError,
    /// The file is damaged.
    is_corrupt: bool,
    /// All other work would fail, too.
    is_total: bool,
}

/// An open log, and what its channel's rows are known to contain.
struct TrackedLog {
    log: Weak<Log>,
    /// For each topic, the offset up to which evicted messages are deleted.
    trimmed: Vec<(usize, u64)>,
    /// When the channel was last recorded as in use.
    use_recorded_at: Instant,
}

impl Writer {
    /// Opens the file.
    pub(super) fn open(path: &Path, synchronous: bool) -> Result<(Self, WriterInfo), FileError> {
        create_private(path);
        let mut connection = Connection::open(path)?;
        prepare(&mut connection)?;
        let is_synchronous = recovery::set_synchronous(&connection, synchronous)?;
        let file = DatabaseFile::find(path);
        let (owner, clock) = in_transaction(&mut connection, |transaction| {
            recovery::begin_use(transaction, synchronous, file.as_ref())?;
            Ok((OwnNumber::new(processes::register(transaction)?), StorageClock::open(transaction)?))
        })?;
        if let Some(file) = &file {
            in_transaction(&mut connection, |transaction| file.publish_mark(transaction))?;
        }
        let (revoked, latest_revocation) = revocations::read(&connection, 0, clock.now())?;
        let peers = processes::list_running(&connection)?;
        let (health, now) = (Health::default(), Instant::now());
        let info = WriterInfo { owner: owner.clone(), revoked, clock, health: health.clone() };
        let writer = Self {
            checkpoints: Checkpoints::begin(&connection),
            connection,
            file,
            clock,
            health,
            lock_timeout: LockTimeout::default(),
            is_synchronous,
            pace: Pace::default(),
            untrimmed: Vec::new(),
            is_inline: false,
            file_lost: None,
            registry: None,
            on_revoked: None,
            latest_revocation,
            open_logs: BTreeMap::new(),
            sweep_at: now,
            checked_at: now,
            committed_at: now,
            has_assigned_ids: false,
            followed_at: now,
            followed_version: NOT_FOLLOWED,
            owner,
            peers,
        };
        Ok((writer, info))
    }

    /// Executes commands in order. Callers are notified by [`notify_callers`](Self::notify_callers).
    pub(super) fn execute(&mut self, commands: impl IntoIterator<Item = Command>) -> Vec<Executed> {
        let (mut work, mut done) = (Vec::new(), Vec::new());
        for command in commands {
            match command {
                Command::Work(more) => work.push(more),
                Command::SetRegistry(registry) => self.registry = Some(registry),
                Command::FollowRevocations(listener) => {
                    self.on_revoked = Some(listener);
                    self.read_revocations();
                }
                Command::Open { channel, limits, reply } => {
                    self.execute_work(std::mem::take(&mut work), &mut done);
                    let opened = self.open_log(&channel, &limits);
                    done.push(Executed::Opened { opened, reply });
                }
                Command::CatchUp { reply } => done.push(Executed::CaughtUp { reply }),
            }
        }
        self.execute_work(work, &mut done);
        done
    }

    /// Returns how long the next transaction waits for a locked file.
    #[cfg(feature = "simulation")]
    pub(super) fn lock_timeout(&self) -> Duration {
        self.lock_timeout.limit()
    }

    /// Hands committed messages to their logs, and notifies the callers.
    pub(super) fn notify_callers(&mut self, done: Vec<Executed>) {
        for done in done {
            match done {
                Executed::Opened { opened, reply } => {
                    let _ = reply.send(opened);
                }
                Executed::CaughtUp { reply } => {
                    self.follow();
                    let _ = reply.send(());
                }
                Executed::Committed { work, appended } => {
                    self.hand_to_logs(appended);
                    for work in work {
                        work.reply(Ok(()));
                    }
                }
                Executed::Failed { work, error } => work.reply(Err(error)),
            }
        }
    }

    /// Performs periodic work that is due, and work that callers left to this thread.
    pub(super) fn maintain(&mut self) {
        self.trim_untrimmed();
        self.checkpoint_if_due();
        self.follow_if_due();
        self.check_if_due();
        self.sweep_if_due();
    }

    /// Closes the file.
    pub(super) fn close(mut self) {
        // Other processes may be closing the file, too.
        let _ = self.connection.busy_timeout(LOCK_TIMEOUT);
        // If the file was replaced, the mark next to it belongs to the new file.
        let file = self.file.filter(|file| !file.was_replaced());
        if let Err(error) =
            recovery::end_use(&mut self.connection, self.owner.get(), self.clock, file.as_ref())
        {
            tracing::warn!(%error, "failed to close the storage cleanly");
        }
    }

    fn open_log(&mut self, channel: &Channel, limits: &Limits) -> Result<OpenedLog, StorageError> {
        let now = self.clock.now();
        let mut stored = self.transact(|transaction| channels::open(transaction, channel, now));
        if matches!(stored, Err(TransactionError { is_corrupt: true, .. }))
            && let Ok(Some(row)) = channels::find_row(&self.connection, channel.name())
            && self.repair(row)
        {
            stored = self.transact(|transaction| channels::open(transaction, channel, now));
        }
        let stored = stored.map_err(|failure| failure.error)?;
        self.has_assigned_ids = true;
        let (row, trimmed) = (stored.channel.id(), stored.evicted.clone());
        // Include streams that the history no longer has, because they may have readers.
        let open = OpenStream::among(channel.definition(), &stored.messages);
        self.watch_writers(&open);
        let abandoned = self.find_abandoned(open);
        let log = Arc::new(Log::restore(channel, stored, limits));
        self.open_logs
            .insert(row, TrackedLog { log: Arc::downgrade(&log), trimmed, use_recorded_at: Instant::now() });
        self.trim(std::slice::from_ref(&log), 1);
        Ok(OpenedLog { log, abandoned })
    }

    /// Executes work in order, in one transaction. If that fails, executes each item in its own transaction, so that
    /// none fails because of another.
    fn execute_work(&mut self, mut work: Vec<Box<dyn Work>>, done: &mut Vec<Executed>) {
        if work.is_empty() {
            return;
        }
        let last_channel = Cell::new(None);
        let mut result = self.try_execute_work(&mut work, &last_channel);
        if matches!(result, Err(TransactionError { is_corrupt: true, .. }))
            && work.len() == 1
            && last_channel.get().is_some_and(|row| self.repair(row))
        {
            result = self.try_execute_work(&mut work, &last_channel);
        }
        match result {
            Ok(appended) => {
                done.push(self.record_appended(work, appended));
            }
            Err(TransactionError { error, is_total, .. }) if is_total || work.len() == 1 => {
                done.extend(work.into_iter().map(|work| Executed::Failed { work, error: error.clone() }));
            }
            Err(_) => work.into_iter().for_each(|work| self.execute_work(vec![work], done)),
        }
    }

    fn try_execute_work(
        &mut self,
        work: &mut [Box<dyn Work>],
        last_channel: &Cell<Option<i64>>,
    ) -> Result<Appended, TransactionError> {
        let clock = self.clock;
        self.transact(|transaction| execute_batch(transaction, work, clock, last_channel))
    }

    /// Call this after the commit of work.
    fn record_appended(&mut self, work: Vec<Box<dyn Work>>, appended: Appended) -> Executed {
        failpoint!("after-commit");
        self.has_assigned_ids |= !appended.messages.is_empty() || !appended.moved.is_empty();
        Executed::Committed { work, appended }
    }

    /// Executes work in a transaction, and updates the storage's health. Waits for a locked file only as long as
    /// [`LockTimeout`] allows.
    fn transact<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, TransactionError> {
        let refused = self.file_lost.clone().map_or_else(|| self.lock_timeout.begin(&self.connection), Err);
        refused.map_err(|error| TransactionError { error, is_corrupt: false, is_total: true })?;
        self.health.begin();
        let result = in_transaction(&mut self.connection, work);
        let took = self.health.end();
        self.pace.record(took);
        match result {
            Ok(result) => {
                self.record_commit(took);
                Ok(result)
            }
            Err(error) => Err(self.record_failure(&error)),
        }
    }

    fn record_commit(&mut self, took: Duration) {
        self.committed_at = Instant::now();
        self.lock_timeout.record_success(took);
        self.health.set(Ok(()));
        self.checkpoints.record_commit();
    }

    fn record_failure(&mut self, error: &rusqlite::Error) -> TransactionError {
        let (is_corrupt, is_locked) = (channels::is_corrupt(error), is_locked(error));
        tracing::error!(%error, "the storage failed");
        let why = if is_locked { "another program has locked the file: " } else { "" };
        let message = StorageError::new(format!("the storage failed: {why}{error}"));
        if is_failure(error) {
            self.health.set(Err(message.clone()));
        }
        if is_locked {
            self.lock_timeout.record_timeout(&message);
        }
        TransactionError { error: message, is_corrupt, is_total: is_locked }
    }

    /// Sets a channel aside if its rows cannot be read, so that it can continue under a new epoch. Returns whether it
    /// did.
    fn repair(&mut self, row: i64) -> bool {
        if !channels::is_damaged(&self.connection, row) {
            return false;
        }
        let now = self.clock.now();
        let is_aside = self.transact(|transaction| channels::set_aside(transaction, row, now)).is_ok();
        if is_aside {
            let log = self.open_logs.get(&row).and_then(|open| open.log.upgrade());
            let channel = log.as_ref().map(|log| log.channel().name());
            tracing::error!(row, channel, "a channel is damaged: it was set aside and begins a new epoch");
        }
        is_aside
    }
}

/// Executes work in a transaction, which the caller commits.
fn execute_batch(
    transaction: &Transaction<'_>,
    work: &mut [Box<dyn Work>],
    clock: StorageClock,
    last_channel: &Cell<Option<i64>>,
) -> rusqlite::Result<Appended> {
    let mut batch = Batch::new(transaction, clock, last_channel);
    work.iter_mut().try_for_each(|work| work.run(&mut batch))?;
    let appended = batch.finish()?;
    failpoint!("before-commit");
    Ok(appended)
}
