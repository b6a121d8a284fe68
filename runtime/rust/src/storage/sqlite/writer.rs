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

/// How many messages may be kept beyond those that a log still has, before they are deleted.
const SLACK: u64 = 128;

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

/// A log that is open, and from which offset on its messages are kept.
struct Open {
    log: Weak<Log>,
    first: u64,
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
        let writer = Self { connection, registry, open, swept, followed, version: 0, owner };
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
        let (row, first) = (kept.row, kept.first);
        let log = Arc::new(Log::restore(channel, kept, limits));
        self.open.insert(row, Open { log: Arc::downgrade(&log), first });
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
        if message.offset > log.head() + 1 {
            // Another process was first.
            self.catch_up(log);
        }
        if message.offset > log.head() {
            log.take(message);
        }
        self.trim(log);
    }

    /// Hands a log what another process appended to its channel.
    fn catch_up(&self, log: &Log) {
        let Some(row) = log.row() else { return };
        let definition = log.channel().definition();
        match channels::messages(&self.connection, row, log.life(), definition, log.head()) {
            Ok(messages) => messages.into_iter().for_each(|message| log.take(message)),
            Err(error) => {
                tracing::error!(%error, channel = log.channel().name(), "the storage could not be read")
            }
        }
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
        let version = self.connection.prepare_cached("PRAGMA data_version");
        let Ok(version) = version.and_then(|mut version| version.query_row([], |row| row.get(0))) else {
            return;
        };
        if version == std::mem::replace(&mut self.version, version) {
            return;
        }
        for (row, open) in &self.open {
            let Some(log) = open.log.upgrade() else { continue };
            if messages::head(&self.connection, *row).is_ok_and(|head| head > log.head()) {
                self.catch_up(&log);
            }
        }
    }

    /// Deletes what the log no longer has, a good many at a time.
    fn trim(&mut self, log: &Arc<Log>) {
        let Some(row) = log.row() else { return };
        let first = log.first();
        let Some(open) = self.open.get_mut(&row) else { return };
        if first <= open.first + SLACK {
            return;
        }
        open.first = first;
        let definition = log.channel().definition();
        // What is not deleted now is deleted with what follows.
        let _ = in_transaction(&mut self.connection, |transaction| {
            messages::trim(transaction, row, definition, first)
        });
    }

    fn sweep_now_and_then(&mut self) {
        let now = clock::now();
        let since = now.duration_since(self.swept).unwrap_or(Duration::MAX);
        let Some(registry) = self.registry.filter(|_| since >= sweep::INTERVAL) else { return };
        self.swept = now;
        self.open.retain(|_, open| open.log.strong_count() > 0);
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
