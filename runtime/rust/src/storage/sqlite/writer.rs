//! The one thread that uses the connection: what waits for it becomes one transaction.

use std::collections::HashMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use rusqlite::Connection;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::batch::{Batch, Work, in_transaction};
use super::schema::{Unusable, prepare};
use super::soon::soon;
use super::{Opened, StorageError, boot, channels, messages, process, revocations, streams, sweep};
use crate::channel::{Channel, Registry};
use crate::clock;
use crate::history::{KeptMessage, Limits, Log, OpenStream};

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
    Open { channel: Channel, limits: Limits, reply: oneshot::Sender<Result<Opened, StorageError>> },
    Work(Box<dyn Work>),
}

/// Work that was executed and whose callers have not been answered yet.
pub(super) enum Done {
    Opened { opened: Result<Opened, StorageError>, reply: oneshot::Sender<Result<Opened, StorageError>> },
    Committed { work: Vec<Box<dyn Work>>, appended: Vec<(Arc<Log>, KeptMessage)> },
    Failed { work: Box<dyn Work>, error: StorageError },
}

pub(super) struct Writer {
    connection: Connection,
    registry: Option<&'static Registry>,
    open: HashMap<i64, Open>,
    swept: SystemTime,
    /// When this process last looked whether another has written.
    followed: Instant,
    /// What the file's version was after this process's last look.
    version: i64,
    owner: u32,
}

/// What a file tells when it is opened.
pub(super) struct Known {
    /// By which it knows this process.
    pub(super) owner: u32,
    /// The ids of tokens that were revoked, and when.
    pub(super) revoked: Vec<(String, u64)>,
}

/// A log that is open.
struct Open {
    log: Weak<Log>,
    /// For each topic the offset up to which lost messages are deleted.
    trimmed: Vec<(usize, u64)>,
}

impl Writer {
    /// Opens the file, and gives what must be known before anything else.
    pub(super) fn open(path: &Path, synchronous: bool) -> Result<(Self, Known), Unusable> {
        let mut connection = Connection::open(path)?;
        prepare(&mut connection)?;
        // Known before it looks, so that another that leaves meanwhile knows that it is not the last.
        let owner = process::enter(&connection)?;
        boot::begin(&connection, synchronous)?;
        let revoked = revocations::read(&connection)?;
        let (registry, open, swept) = (None, HashMap::new(), SystemTime::UNIX_EPOCH);
        let followed = Instant::now();
        let writer = Self { connection, registry, open, swept, followed, version: NOT_FOLLOWED, owner };
        Ok((writer, Known { owner, revoked }))
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
                Command::Open { channel, limits, reply } => {
                    self.work(std::mem::take(&mut work), &mut done);
                    let opened = self.open_log(&channel, &limits);
                    done.push(Done::Opened { opened, reply });
                }
            }
        }
        self.work(work, &mut done);
        done
    }

    /// Hands messages that are committed to their logs, and answers those who asked.
    pub(super) fn report(&mut self, done: Vec<Done>) {
        for done in done {
            match done {
                Done::Opened { opened, reply } => {
                    let _ = reply.send(opened);
                }
                Done::Committed { work, appended } => {
                    for (log, message) in appended {
                        self.publish(&log, message);
                    }
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
        self.sweep_now_and_then();
    }

    /// Closes the file.
    pub(super) fn end(mut self) {
        if let Err(error) = boot::end(&mut self.connection, self.owner) {
            tracing::warn!(%error, "the storage was not closed cleanly");
        }
    }

    fn open_log(&mut self, channel: &Channel, limits: &Limits) -> Result<Opened, StorageError> {
        let kept = in_transaction(&mut self.connection, |transaction| channels::open(transaction, channel));
        let kept = kept.map_err(|error| failed(&error))?;
        let (row, trimmed) = (kept.row, kept.gone.clone());
        let log = Arc::new(Log::restore(channel, kept, limits));
        self.open.insert(row, Open { log: Arc::downgrade(&log), trimmed });
        self.trim(std::slice::from_ref(&log), 1);
        let left_open = self.left_open(&log);
        Ok(Opened { log, left_open })
    }

    /// Does what waits, in order, in one transaction. Where that fails each has one of its own, so
    /// that none fails for another's sake.
    fn work(&mut self, mut work: Vec<Box<dyn Work>>, done: &mut Vec<Done>) {
        if work.is_empty() {
            return;
        }
        let appended = in_transaction(&mut self.connection, |transaction| {
            let mut batch = Batch::new(transaction);
            work.iter_mut().try_for_each(|work| work.run(&mut batch))?;
            let appended = batch.finish()?;
            failpoint!("before-commit");
            Ok(appended)
        });
        match appended {
            Ok(appended) => {
                failpoint!("after-commit");
                done.push(Done::Committed { work, appended });
            }
            Err(error) if work.len() == 1 => {
                let error = failed(&error);
                done.extend(work.into_iter().map(|work| Done::Failed { work, error: error.clone() }));
            }
            Err(_) => work.into_iter().for_each(|work| self.work(vec![work], done)),
        }
    }

    /// The text streams that no process goes on with. This one does not either: it has only now
    /// opened their log.
    fn left_open(&self, log: &Log) -> Vec<OpenStream> {
        let is_left = |stream: &OpenStream| {
            if stream.is_of_run() {
                return !streams::has_writer(&self.connection, &stream.id).unwrap_or(true);
            }
            let owner = stream.owner().filter(|owner| *owner != self.owner);
            !owner.is_some_and(|owner| process::is_here(&self.connection, owner).unwrap_or(true))
        };
        log.open_streams().into_iter().filter(is_left).collect()
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

    /// Hands a log what another process appended to its channel. If that cannot be read now, the log stays where it is,
    /// and the next look tries again.
    fn catch_up(&mut self, log: &Log) {
        if let Err(error) = self.try_catch_up(log) {
            tracing::error!(%error, channel = log.channel().name(), "the storage could not be read");
            self.version = NOT_FOLLOWED;
        }
    }

    fn try_catch_up(&self, log: &Log) -> rusqlite::Result<()> {
        let Some(row) = log.row() else { return Ok(()) };
        // In one transaction, so that nothing is deleted between the two looks.
        let transaction = self.connection.unchecked_transaction()?;
        let definition = log.channel().definition();
        let mut next = log.head() + 1;
        let messages = channels::messages(&transaction, row, log.life(), definition, log.head())?;
        let is_whole = messages.iter().all(|message| {
            let is_next = message.offset == next;
            next = message.offset + 1;
            is_next
        });
        if is_whole {
            messages.into_iter().for_each(|message| log.take(message));
        } else if let Some(kept) = channels::read(&transaction, log.channel())? {
            // This process missed messages that are deleted. What is lost is told by the offsets that are gone.
            log.reload(kept);
        }
        transaction.commit()
    }

    /// Not after each transaction: to look is a transaction, too.
    fn follow_now_and_then(&mut self) {
        if self.followed.elapsed() >= FOLLOWING {
            self.follow();
            self.followed = Instant::now();
        }
    }

    /// Looks whether another process has written to the file, and hands the logs what it appended.
    fn follow(&mut self) {
        let Ok(version) = self.data_version() else { return };
        if version == std::mem::replace(&mut self.version, version) {
            return;
        }
        let open: Vec<_> =
            self.open.iter().filter_map(|(row, open)| Some((*row, open.log.upgrade()?))).collect();
        for (row, log) in open {
            match messages::head(&self.connection, row) {
                Ok(head) if head <= log.head() => {}
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
    fn trim(&mut self, logs: &[Arc<Log>], at_least: usize) {
        let lost = |log: &Arc<Log>| {
            let lost = log.take_lost(at_least);
            (!lost.is_empty()).then_some((log.row()?, log.channel().definition(), lost))
        };
        let lost: Vec<_> = logs.iter().filter_map(lost).collect();
        if lost.is_empty() {
            return;
        }
        let open = &mut self.open;
        let trimmed = in_transaction(&mut self.connection, |transaction| {
            lost.iter().try_for_each(|(row, definition, lost)| {
                let before = open.get(row).map_or(&[][..], |open| &open.trimmed);
                messages::trim(transaction, *row, definition, before, lost)
            })
        });
        // What is not deleted now is deleted with what is lost next.
        if trimmed.is_ok() {
            for (row, _, lost) in lost {
                open.entry(row).and_modify(|open| open.trimmed = lost);
            }
        }
    }

    fn sweep_now_and_then(&mut self) {
        let now = clock::now();
        let since = now.duration_since(self.swept).unwrap_or(Duration::MAX);
        let Some(registry) = self.registry.filter(|_| since >= sweep::INTERVAL) else { return };
        self.swept = now;
        self.open.retain(|_, open| open.log.strong_count() > 0);
        let open: Vec<_> = self.open.values().filter_map(|open| open.log.upgrade()).collect();
        self.trim(&open, 1);
        let is_open = |row: i64| self.open.contains_key(&row);
        let swept = in_transaction(&mut self.connection, |transaction| {
            sweep::sweep(transaction, registry, is_open, now)
        });
        if let Err(error) = swept {
            tracing::error!(%error, "the storage could not be swept");
        }
    }
}

fn failed(error: &rusqlite::Error) -> StorageError {
    tracing::error!(%error, "the storage failed");
    StorageError::new(format!("the storage failed: {error}"))
}
