//! What is done in one transaction.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use rusqlite::{Connection, Result, Transaction, TransactionBehavior, params};
use tokio::sync::oneshot;

use super::clock::StorageClock;
use super::messages::{self, Epoch, Outcome};
use super::schema::milliseconds;
use super::{Entry, StorageError, channels};
use crate::history::{KeptMessage, Log};

/// Does work in a transaction, which is undone where the work fails.
pub(super) fn in_transaction<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> Result<T>,
) -> Result<T> {
    #[cfg(feature = "simulation")]
    super::actor::fail_locked()?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let result = work(&transaction)?;
    #[cfg(feature = "simulation")]
    super::actor::fail_commit()?;
    transaction.commit()?;
    Ok(result)
}

/// Something that is to be done in the next transaction.
pub(super) trait Work: Send {
    /// Called again where the transaction, which may be others' too, failed.
    fn run(&mut self, batch: &mut Batch<'_>) -> Result<()>;

    /// Tells who asked that it is committed, or that it failed.
    fn answer(self: Box<Self>, result: Result<(), StorageError>);
}

/// A transaction, and the messages that it appends.
pub(super) struct Batch<'t> {
    pub(super) transaction: &'t Transaction<'t>,
    clock: StorageClock,
    /// The row of the channel that was appended to last. If the transaction fails, it may be damaged.
    touched: &'t Cell<Option<i64>>,
    heads: HashMap<Epoch, u64>,
    /// The epochs that logs append to instead of their own, which are over.
    successors: HashMap<Epoch, Epoch>,
    appended: Appended,
}

/// What a transaction appended.
#[derive(Default)]
pub(super) struct Appended {
    pub(super) messages: Vec<(Arc<Log>, KeptMessage)>,
    /// Messages for logs whose epoch is over, with the epoch that has them now.
    pub(super) moved: Vec<(Epoch, KeptMessage)>,
    /// Logs whose epoch is over.
    pub(super) retired: Vec<Arc<Log>>,
}

impl<'t> Batch<'t> {
    pub(super) fn new(
        transaction: &'t Transaction<'t>,
        clock: StorageClock,
        touched: &'t Cell<Option<i64>>,
    ) -> Self {
        let (heads, successors, appended) = (HashMap::new(), HashMap::new(), Appended::default());
        Self { transaction, clock, touched, heads, successors, appended }
    }

    /// Returns the time by the storage's clock. It is read each time: a question is asked when it is written, which
    /// is after the signals that came before the transaction began.
    pub(super) fn time(&self) -> SystemTime {
        self.clock.now()
    }

    /// Returns the same time as the tables have it.
    pub(super) fn now(&self) -> i64 {
        milliseconds(self.time())
    }

    /// Appends a message to the end of its channel.
    pub(super) fn append(&mut self, entry: &Entry) -> Result<Outcome> {
        let own = Epoch::of(&entry.log);
        self.touched.set(Some(own.row));
        let (epoch, head) = self.end_of(&entry.log)?;
        self.touched.set(Some(epoch.row));
        let (outcome, message) = messages::append(self.transaction, entry, epoch, head, self.time())?;
        if let Some(message) = message {
            self.heads.insert(epoch, message.offset);
            if epoch == own {
                self.appended.messages.push((Arc::clone(&entry.log), message));
            } else {
                self.appended.moved.push((epoch, message));
            }
        }
        Ok(outcome)
    }

    /// Returns where the next message of a log's channel goes: its epoch, and the head. If the log's own epoch is
    /// over, the channel is looked up again, and created if it was forgotten.
    fn end_of(&mut self, log: &Arc<Log>) -> Result<(Epoch, u64)> {
        let own = Epoch::of(log);
        let epoch = self.successors.get(&own).copied().unwrap_or(own);
        if let Some(head) = self.heads.get(&epoch) {
            return Ok((epoch, *head));
        }
        if let Some(head) = messages::head(self.transaction, epoch)? {
            return Ok((epoch, head));
        }
        let found = channels::find_or_create(self.transaction, log.channel(), self.time())?;
        let epoch = Epoch { row: found.row, life: found.life };
        self.successors.insert(own, epoch);
        self.appended.retired.push(Arc::clone(log));
        Ok((epoch, self.heads.get(&epoch).copied().unwrap_or(found.head)))
    }

    /// Notes how far each channel is now, and gives what is to be handed to the logs.
    pub(super) fn finish(self) -> Result<Appended> {
        let now = self.now();
        for (epoch, head) in self.heads {
            let mut statement =
                self.transaction.prepare_cached("UPDATE channels SET head = ?2, used = ?3 WHERE id = ?1")?;
            statement.execute(params![epoch.row, head, now])?;
        }
        Ok(self.appended)
    }
}

/// Work with an answer that somebody waits for.
pub(super) struct Asked<T, F> {
    work: F,
    answer: Option<T>,
    reply: oneshot::Sender<Result<T, StorageError>>,
}

impl<T: Send + 'static, F: FnMut(&mut Batch<'_>) -> Result<T> + Send + 'static> Asked<T, F> {
    pub(super) fn boxed(work: F, reply: oneshot::Sender<Result<T, StorageError>>) -> Box<dyn Work> {
        Box::new(Self { work, answer: None, reply })
    }
}

impl<T: Send, F: FnMut(&mut Batch<'_>) -> Result<T> + Send> Work for Asked<T, F> {
    fn run(&mut self, batch: &mut Batch<'_>) -> Result<()> {
        self.answer = Some((self.work)(batch)?);
        Ok(())
    }

    fn answer(self: Box<Self>, result: Result<(), StorageError>) {
        let Self { answer, reply, .. } = *self;
        // What was committed was run, and so has an answer.
        let answer = result.and_then(|()| answer.ok_or_else(|| StorageError::new("nothing was done")));
        let _ = reply.send(answer);
    }
}
