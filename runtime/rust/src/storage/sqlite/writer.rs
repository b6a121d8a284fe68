//! The one thread that uses the connection: what waits for it becomes one transaction.

use std::cell::Cell;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Weak};
use std::time::Duration;

use rusqlite::{Connection, Transaction};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::batch::{Appended, Batch, Work, in_transaction};
use super::clock::StorageClock;
use super::file::{File, create_private};
use super::health::{Health, Patience, is_failure, is_locked};
use super::messages::Epoch;
use super::schema::{Unusable, prepare};
use super::soon::soon;
use super::{OnRevoked, Opened, StorageError, boot, channels, messages, process, revocations};
use crate::channel::{Channel, Registry};
use crate::history::{KeptMessage, Limits, Log, OpenStream};

mod upkeep;

/// The most work in one transaction.
const BATCH: usize = 512;

/// How many messages a log may lose before they are deleted here, too.
const SLACK: usize = 128;

/// No version that a file has: the next look reads all channels on.
const NOT_FOLLOWED: i64 = -1;

/// How often to look whether another process has written to the file.
pub(super) const FOLLOWING: Duration = Duration::from_millis(100);

/// What the writer is asked to do.
pub(super) enum Command {
    Attach(&'static Registry),
    FollowRevocations(OnRevoked),
    Open { channel: Channel, limits: Limits, reply: oneshot::Sender<Result<Opened, StorageError>> },
    CatchUp { reply: oneshot::Sender<()> },
    Work(Box<dyn Work>),
}

/// Work that was executed and whose callers have not been answered yet.
pub(super) enum Done {
    Opened { opened: Result<Opened, StorageError>, reply: oneshot::Sender<Result<Opened, StorageError>> },
    CaughtUp { reply: oneshot::Sender<()> },
    Committed { work: Vec<Box<dyn Work>>, appended: Appended },
    Failed { work: Box<dyn Work>, error: StorageError },
}

pub(super) struct Writer {
    connection: Connection,
    /// `None` if the database exists in memory only.
    file: Option<File>,
    clock: StorageClock,
    health: Health,
    patience: Patience,
    /// Why nothing is done any more: the file was deleted or replaced.
    lost: Option<StorageError>,
    registry: Option<&'static Registry>,
    on_revoked: Option<OnRevoked>,
    /// The id of the latest revocation that the hub has.
    latest_revocation: i64,
    open: BTreeMap<i64, Open>,
    /// When to sweep next.
    sweep_at: Instant,
    /// When this process last looked whether the file is there, and when it last used it.
    checked: Instant,
    used: Instant,
    /// Whether ids were given since the file's mark was renewed.
    has_given_ids: bool,
    /// When this process last looked whether another has written.
    followed: Instant,
    /// What the file's version was after this process's last look.
    version: i64,
    owner: u32,
    /// The processes that had the file open at the last look.
    peers: BTreeSet<u32>,
}

/// What a file tells when it is opened.
#[derive(Debug)]
pub(super) struct Known {
    /// By which it knows this process.
    pub(super) owner: u32,
    /// The ids of tokens that were revoked, and how long ago.
    pub(super) revoked: Vec<(String, Duration)>,
    pub(super) clock: StorageClock,
    pub(super) health: Health,
}

/// Why a transaction failed.
struct Failure {
    error: StorageError,
    /// The file is damaged.
    is_corrupt: bool,
    /// Everything else would fail, too.
    is_total: bool,
}

/// A log that is open.
struct Open {
    log: Weak<Log>,
    /// For each topic the offset up to which lost messages are deleted.
    trimmed: Vec<(usize, u64)>,
    /// When it was last recorded in the file that the channel is open.
    used: Instant,
}

impl Writer {
    /// Opens the file, and gives what must be known before anything else.
    pub(super) fn open(path: &Path, synchronous: bool) -> Result<(Self, Known), Unusable> {
        create_private(path);
        let mut connection = Connection::open(path)?;
        prepare(&mut connection)?;
        boot::set_synchronous(&connection, synchronous)?;
        let file = File::opened(path);
        let (owner, clock) = in_transaction(&mut connection, |transaction| {
            boot::begin(transaction, synchronous, file.as_ref())?;
            Ok((process::enter(transaction)?, StorageClock::open(transaction)?))
        })?;
        if let Some(file) = &file {
            in_transaction(&mut connection, |transaction| file.publish_mark(transaction))?;
        }
        let (revoked, latest_revocation) = revocations::read(&connection, 0, clock.now())?;
        let peers = process::here(&connection)?;
        let (health, now) = (Health::default(), Instant::now());
        let known = Known { owner, revoked, clock, health: health.clone() };
        let writer = Self {
            connection,
            file,
            clock,
            health,
            patience: Patience::default(),
            lost: None,
            registry: None,
            on_revoked: None,
            latest_revocation,
            open: BTreeMap::new(),
            sweep_at: now,
            checked: now,
            used: now,
            has_given_ids: false,
            followed: now,
            version: NOT_FOLLOWED,
            owner,
            peers,
        };
        Ok((writer, known))
    }

    /// Works until nobody can send commands any more.
    pub(super) fn run(mut self, commands: &Receiver<Command>) {
        loop {
            let soon = soon(|| commands.try_recv().ok());
            let first = match soon.map_or_else(|| commands.recv_timeout(FOLLOWING), Ok) {
                Ok(command) => Some(command),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let done = self.execute(first.into_iter().chain(commands.try_iter()).take(BATCH));
            self.report(done);
            self.keep_up();
        }
        self.end();
    }

    /// Does what it is asked to, in order. Nobody knows until it is reported.
    pub(super) fn execute(&mut self, commands: impl IntoIterator<Item = Command>) -> Vec<Done> {
        let (mut work, mut done) = (Vec::new(), Vec::new());
        for command in commands {
            match command {
                Command::Work(more) => work.push(more),
                Command::Attach(registry) => self.registry = Some(registry),
                Command::FollowRevocations(listener) => {
                    self.on_revoked = Some(listener);
                    self.read_revocations();
                }
                Command::Open { channel, limits, reply } => {
                    self.work(std::mem::take(&mut work), &mut done);
                    let opened = self.open_log(&channel, &limits);
                    done.push(Done::Opened { opened, reply });
                }
                Command::CatchUp { reply } => done.push(Done::CaughtUp { reply }),
            }
        }
        self.work(work, &mut done);
        done
    }

    /// How long the next transaction waits for a file that is locked.
    #[cfg(feature = "simulation")]
    pub(super) fn patience(&self) -> Duration {
        self.patience.limit()
    }

    /// Hands messages that are committed to their logs, and answers those who asked.
    pub(super) fn report(&mut self, done: Vec<Done>) {
        for done in done {
            match done {
                Done::Opened { opened, reply } => {
                    let _ = reply.send(opened);
                }
                Done::CaughtUp { reply } => {
                    self.follow();
                    let _ = reply.send(());
                }
                Done::Committed { work, appended } => {
                    self.hand_out(appended);
                    for work in work {
                        work.answer(Ok(()));
                    }
                }
                Done::Failed { work, error } => work.answer(Err(error)),
            }
        }
    }

    /// Does what is due now and then.
    pub(super) fn keep_up(&mut self) {
        self.follow_now_and_then();
        self.check_now_and_then();
        self.sweep_now_and_then();
    }

    /// Closes the file.
    pub(super) fn end(mut self) {
        // Next to a file that was replaced is the mark of the one that replaced it.
        let file = self.file.filter(|file| !file.is_lost());
        if let Err(error) = boot::end(&mut self.connection, self.owner, self.clock, file.as_ref()) {
            tracing::warn!(%error, "the storage was not closed cleanly");
        }
    }

    fn open_log(&mut self, channel: &Channel, limits: &Limits) -> Result<Opened, StorageError> {
        let now = self.clock.now();
        let mut kept = self.transact(|transaction| channels::open(transaction, channel, now));
        if matches!(kept, Err(Failure { is_corrupt: true, .. }))
            && let Ok(Some(row)) = channels::row_of(&self.connection, channel.name())
            && self.repair(row)
        {
            kept = self.transact(|transaction| channels::open(transaction, channel, now));
        }
        let kept = kept.map_err(|failure| failure.error)?;
        self.has_given_ids = true;
        let (row, trimmed) = (kept.row, kept.gone.clone());
        // Also those that history has moved past: they may have readers.
        let open = OpenStream::among(channel.definition(), &kept.messages);
        self.watch_writers(&open);
        let left_open = self.left_open(open);
        let log = Arc::new(Log::restore(channel, kept, limits));
        self.open.insert(row, Open { log: Arc::downgrade(&log), trimmed, used: Instant::now() });
        self.trim(std::slice::from_ref(&log), 1);
        Ok(Opened { log, left_open })
    }

    /// Does what waits, in order, in one transaction. Where that fails each has one of its own, so
    /// that none fails for another's sake.
    fn work(&mut self, mut work: Vec<Box<dyn Work>>, done: &mut Vec<Done>) {
        if work.is_empty() {
            return;
        }
        let touched = Cell::new(None);
        let mut result = self.try_work(&mut work, &touched);
        if matches!(result, Err(Failure { is_corrupt: true, .. }))
            && work.len() == 1
            && touched.get().is_some_and(|row| self.repair(row))
        {
            result = self.try_work(&mut work, &touched);
        }
        match result {
            Ok(appended) => {
                failpoint!("after-commit");
                self.has_given_ids |= !appended.messages.is_empty() || !appended.moved.is_empty();
                done.push(Done::Committed { work, appended });
            }
            Err(Failure { error, is_total, .. }) if is_total || work.len() == 1 => {
                done.extend(work.into_iter().map(|work| Done::Failed { work, error: error.clone() }));
            }
            Err(_) => work.into_iter().for_each(|work| self.work(vec![work], done)),
        }
    }

    fn try_work(
        &mut self,
        work: &mut [Box<dyn Work>],
        touched: &Cell<Option<i64>>,
    ) -> Result<Appended, Failure> {
        let clock = self.clock;
        self.transact(|transaction| {
            let mut batch = Batch::new(transaction, clock, touched);
            work.iter_mut().try_for_each(|work| work.run(&mut batch))?;
            let appended = batch.finish()?;
            failpoint!("before-commit");
            Ok(appended)
        })
    }

    /// Does work in a transaction, and keeps track of whether the storage can be used. Waits for a locked file only
    /// as long as [`Patience`] allows.
    fn transact<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Failure> {
        let refused = self.lost.clone().map_or_else(|| self.patience.begin(&self.connection), Err);
        refused.map_err(|error| Failure { error, is_corrupt: false, is_total: true })?;
        self.health.begin();
        let result = in_transaction(&mut self.connection, work);
        let took = self.health.end();
        match result {
            Ok(result) => {
                self.used = Instant::now();
                self.patience.has_succeeded(took);
                self.health.set(Ok(()));
                Ok(result)
            }
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn failed(&mut self, error: &rusqlite::Error) -> Failure {
        let (is_corrupt, is_locked) = (channels::is_corrupt(error), is_locked(error));
        tracing::error!(%error, "the storage failed");
        let why = if is_locked { "another program has locked the file: " } else { "" };
        let message = StorageError::new(format!("the storage failed: {why}{error}"));
        if is_failure(error) {
            self.health.set(Err(message.clone()));
        }
        if is_locked {
            self.patience.has_waited_in_vain(&message);
        }
        Failure { error: message, is_corrupt, is_total: is_locked }
    }

    /// Sets a channel aside if its rows cannot be read, so that it can go on under a new epoch. Returns whether it
    /// did.
    fn repair(&mut self, row: i64) -> bool {
        if !channels::is_damaged(&self.connection, row) {
            return false;
        }
        let now = self.clock.now();
        let is_aside = self.transact(|transaction| channels::set_aside(transaction, row, now)).is_ok();
        if is_aside {
            let log = self.open.get(&row).and_then(|open| open.log.upgrade());
            let channel = log.as_ref().map(|log| log.channel().name());
            tracing::error!(row, channel, "a channel is damaged: it was set aside and begins a new epoch");
        }
        is_aside
    }

    /// Hands messages that are committed to their logs.
    fn hand_out(&mut self, appended: Appended) {
        for log in appended.retired {
            self.retire(&log);
        }
        for (log, message) in appended.messages {
            self.publish(&log, message);
        }
        for (epoch, message) in appended.moved {
            let log = self.open.get(&epoch.row).and_then(|open| open.log.upgrade());
            if let Some(log) = log.filter(|log| log.life() == epoch.life) {
                self.publish(&log, message);
            }
        }
    }

    /// Marks a log whose epoch is over. The hub opens the channel again when it is used next.
    fn retire(&mut self, log: &Arc<Log>) {
        tracing::debug!(channel = log.channel().name(), "the history of a channel was replaced");
        log.retire();
        let is_same = |open: &mut Open| open.log.ptr_eq(&Arc::downgrade(log));
        if let Entry::Occupied(mut open) = self.open.entry(Epoch::of(log).row)
            && is_same(open.get_mut())
        {
            open.remove();
        }
    }

    /// Hands a message that is committed to its log, and so to all who read it.
    fn publish(&mut self, log: &Arc<Log>, message: KeptMessage) {
        if message.offset == log.head() + 1 {
            log.take(message);
        } else if message.offset > log.head() {
            // Another process was first.
            self.catch_up(log);
        }
        self.trim(std::slice::from_ref(log), SLACK);
    }

    /// Adds the processes that write these streams to those whose end is noticed. One may have opened the file after
    /// the last look, and may end before the next.
    fn watch_writers(&mut self, open: &[OpenStream]) {
        self.peers.extend(open.iter().filter(|stream| !stream.is_of_run()).filter_map(OpenStream::owner));
    }

    /// Hands a log what another process appended to its channel. If that cannot be read now, the log stays where it is,
    /// and the next look tries again.
    fn catch_up(&mut self, log: &Arc<Log>) {
        match self.try_catch_up(log) {
            Ok(true) => self.watch_writers(&log.open_streams()),
            Ok(false) => self.retire(log),
            Err(error) => {
                let channel = log.channel().name();
                tracing::error!(%error, channel, "the storage could not be read");
                if channels::is_corrupt(&error) {
                    self.repair(Epoch::of(log).row);
                }
                self.version = NOT_FOLLOWED;
            }
        }
    }

    /// Returns whether the epoch of the log goes on.
    fn try_catch_up(&self, log: &Log) -> rusqlite::Result<bool> {
        // In one transaction, so that nothing is deleted between two looks.
        let transaction = self.connection.unchecked_transaction()?;
        let epoch = Epoch::of(log);
        let Some(head) = messages::head(&transaction, epoch)? else { return Ok(false) };
        let definition = log.channel().definition();
        let missed = channels::messages(&transaction, epoch.row, epoch.life, definition, log.head())?;
        if missed.count == head - log.head() || bug!(HoleIgnored) {
            for message in missed.messages {
                log.take(message);
            }
            log.skip_to(head);
        } else if let Some(kept) = channels::read(&transaction, log.channel(), self.clock.now())? {
            // This process missed messages that are deleted. What is lost is told by the offsets that are gone.
            log.reload(kept);
        }
        transaction.commit()?;
        Ok(true)
    }

    /// Not after each transaction: to look is a transaction, too.
    fn follow_now_and_then(&mut self) {
        if self.followed.elapsed() >= FOLLOWING {
            self.follow();
            self.followed = Instant::now();
        }
    }

    /// Looks whether another process has written to the file, and hands the logs what it appended.
    pub(super) fn follow(&mut self) {
        let Ok(version) = self.data_version() else { return };
        if version == std::mem::replace(&mut self.version, version) {
            return;
        }
        self.read_revocations();
        let open: Vec<_> = self.open.values().filter_map(|open| open.log.upgrade()).collect();
        for log in open {
            match messages::head(&self.connection, Epoch::of(&log)) {
                Ok(Some(head)) if head <= log.head() => {}
                Ok(None) => self.retire(&log),
                // Reading on tells what is wrong.
                _ => self.catch_up(&log),
            }
        }
    }

    /// A number that changes when another connection commits.
    fn data_version(&self) -> rusqlite::Result<i64> {
        self.connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
    }

    /// Deletes what each of these logs has lost, if that is at least so much.
    pub(super) fn trim(&mut self, logs: &[Arc<Log>], at_least: usize) {
        let lost = |log: &Arc<Log>| {
            let lost = log.take_lost(at_least);
            (!lost.is_empty()).then_some((log.row()?, log.channel().definition(), lost))
        };
        let lost: Vec<_> = logs.iter().filter_map(lost).collect();
        if lost.is_empty() {
            return;
        }
        let open = std::mem::take(&mut self.open);
        let trimmed = self.transact(|transaction| {
            lost.iter().try_for_each(|(row, definition, lost)| {
                let before = open.get(row).map_or(&[][..], |open| &open.trimmed);
                messages::trim(transaction, *row, definition, before, lost)
            })
        });
        self.open = open;
        // What is not deleted now is deleted with what is lost next.
        if trimmed.is_ok() {
            for (row, _, lost) in lost {
                self.open.entry(row).and_modify(|open| open.trimmed = lost);
            }
        }
    }
}
