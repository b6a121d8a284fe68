//! The one thread that uses the connection: what waits for it becomes one transaction.

use std::collections::HashMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use super::messages::{self, Outcome};
use super::schema::{Unusable, prepare};
use super::{AppendError, Entry, StorageError, boot, channels, revocations, sweep};
use crate::channel::{Channel, Registry};
use crate::history::{Appended, Limits, Log};

/// The most commands of one transaction.
const BATCH: usize = 512;

/// How many messages may be kept beyond those that a log still has, before they are deleted.
const SLACK: u64 = 128;

pub(super) type Reply<T> = oneshot::Sender<T>;

/// What the writer is asked to do.
pub(super) enum Command {
    Attach(&'static Registry),
    Open { channel: Channel, limits: Limits, reply: Reply<Result<Arc<Log>, StorageError>> },
    Append { entry: Entry, reply: Reply<Result<Appended, AppendError>> },
    Revoke { id: String, at: u64, reply: Reply<Result<(), StorageError>> },
}

pub(super) struct Writer {
    connection: Connection,
    registry: Option<&'static Registry>,
    /// The logs that are open, and from which offset on each one's messages are kept.
    open: HashMap<i64, Open>,
    swept: SystemTime,
}

struct Open {
    log: Weak<Log>,
    first: u64,
}

impl Writer {
    /// Opens the file, and gives what was revoked.
    pub(super) fn open(path: &Path, synchronous: bool) -> Result<(Self, Vec<(String, u64)>), Unusable> {
        let mut connection = Connection::open(path)?;
        prepare(&mut connection)?;
        boot::begin(&connection, synchronous)?;
        let revoked = revocations::read(&connection)?;
        let writer = Self { connection, registry: None, open: HashMap::new(), swept: SystemTime::UNIX_EPOCH };
        Ok((writer, revoked))
    }

    /// Works until nobody can send commands any more.
    pub(super) fn run(mut self, commands: &Receiver<Command>) {
        loop {
            let first = match commands.recv_timeout(sweep::INTERVAL) {
                Ok(command) => Some(command),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let batch: Vec<Command> = first.into_iter().chain(commands.try_iter()).take(BATCH).collect();
            self.work(batch);
            self.sweep_now_and_then();
        }
        if let Err(error) = boot::end(&self.connection) {
            tracing::warn!(%error, "the storage was not closed cleanly");
        }
    }

    /// Does commands in their order, as many as can be in one transaction.
    fn work(&mut self, batch: Vec<Command>) {
        let mut appends = Vec::new();
        for command in batch {
            if let Command::Append { entry, reply } = command {
                appends.push((entry, reply));
                continue;
            }
            self.append(std::mem::take(&mut appends));
            self.answer(command);
        }
        self.append(appends);
    }

    fn answer(&mut self, command: Command) {
        match command {
            Command::Attach(registry) => self.registry = Some(registry),
            Command::Open { channel, limits, reply } => {
                let kept = self.transaction(|transaction| channels::open(transaction, &channel));
                let log = kept.map(|kept| {
                    let (row, first) = (kept.row, kept.first);
                    let log = Arc::new(Log::restore(&channel, kept, &limits));
                    self.open.insert(row, Open { log: Arc::downgrade(&log), first });
                    log
                });
                let _ = reply.send(log);
            }
            Command::Append { entry, reply } => self.append(vec![(entry, reply)]),
            Command::Revoke { id, at, reply } => {
                let done = self.transaction(|transaction| revocations::record(transaction, &id, at));
                let _ = reply.send(done);
            }
        }
    }

    fn transaction<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StorageError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let result = transaction.and_then(|transaction| {
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        });
        result.map_err(|error| {
            tracing::error!(%error, "the storage failed");
            StorageError::new(format!("the storage failed: {error}"))
        })
    }

    /// Appends messages in one transaction. Where that fails each has one of its own, so that
    /// none fails for another's sake.
    fn append(&mut self, appends: Vec<(Entry, Reply<Result<Appended, AppendError>>)>) {
        if appends.is_empty() {
            return;
        }
        let entries: Vec<&Entry> = appends.iter().map(|(entry, _)| entry).collect();
        let outcomes = self.transaction(|transaction| messages::append(transaction, &entries));
        match outcomes {
            Ok(outcomes) => {
                for ((entry, reply), outcome) in appends.into_iter().zip(outcomes) {
                    let _ = reply.send(publish(&entry.log, outcome));
                    self.trim(&entry.log);
                }
            }
            Err(error) if appends.len() == 1 => {
                for (_, reply) in appends {
                    let _ = reply.send(Err(error.clone().into()));
                }
            }
            Err(_) => appends.into_iter().for_each(|append| self.append(vec![append])),
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
        // What is not deleted now is deleted with what follows.
        let _ = self
            .transaction(|transaction| messages::trim(transaction, row, log.channel().definition(), first));
    }

    fn sweep_now_and_then(&mut self) {
        let now = SystemTime::now();
        let since = now.duration_since(self.swept).unwrap_or(Duration::MAX);
        let Some(registry) = self.registry.filter(|_| since >= sweep::INTERVAL) else { return };
        self.swept = now;
        self.open.retain(|_, open| open.log.strong_count() > 0);
        let open = &self.open;
        let is_open = |row: i64| open.contains_key(&row);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let swept = transaction.and_then(|transaction| {
            sweep::sweep(&transaction, registry, is_open, now)?;
            transaction.commit()
        });
        if let Err(error) = swept {
            tracing::error!(%error, "the storage could not be swept");
        }
    }
}

/// Hands a message that is committed to its log, and so to all who read it.
fn publish(log: &Log, outcome: Outcome) -> Result<Appended, AppendError> {
    match outcome {
        Outcome::Kept(message) => Ok(log.take(message)),
        Outcome::Repeated(id) => Ok(Appended { id, repeated: true, crowded: false }),
        Outcome::KeyReused => Err(AppendError::KeyReused),
    }
}
