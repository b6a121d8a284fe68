//! What is done in one transaction.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, Result, Transaction, TransactionBehavior, params};
use tokio::sync::oneshot;

use super::messages::{self, Outcome};
use super::schema::milliseconds;
use super::{Entry, StorageError};
use crate::clock;
use crate::history::{KeptMessage, Log};

/// Does work in a transaction, which is undone where the work fails.
pub(super) fn in_transaction<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> Result<T>,
) -> Result<T> {
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
    heads: HashMap<i64, u64>,
    appended: Vec<(Arc<Log>, KeptMessage)>,
}

impl<'t> Batch<'t> {
    pub(super) fn new(transaction: &'t Transaction<'t>) -> Self {
        Self { transaction, heads: HashMap::new(), appended: Vec::new() }
    }

    /// Appends a message to the end of its channel.
    pub(super) fn append(&mut self, entry: &Entry) -> Result<Outcome> {
        // A log that no storage opened has no row, and none is ever given here.
        let row = entry.log.row().unwrap_or_default();
        let head = match self.heads.get(&row) {
            Some(head) => *head,
            None => messages::head(self.transaction, row)?,
        };
        let (outcome, message) = messages::append(self.transaction, entry, row, head)?;
        if let Some(message) = message {
            self.heads.insert(row, message.offset);
            self.appended.push((Arc::clone(&entry.log), message));
        }
        Ok(outcome)
    }

    /// Notes how far each channel is now, and gives what is to be handed to the logs.
    pub(super) fn finish(self) -> Result<Vec<(Arc<Log>, KeptMessage)>> {
        let now = milliseconds(clock::now());
        for (row, head) in self.heads {
            let mut statement =
                self.transaction.prepare_cached("UPDATE channels SET head = ?2, used = ?3 WHERE id = ?1")?;
            statement.execute(params![row, head, now])?;
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
