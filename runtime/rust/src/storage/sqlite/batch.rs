//! Work that is done in one transaction.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use rusqlite::{Connection, Result, params};
use tokio::sync::oneshot;

use super::clock::StorageClock;
use super::messages::{self, AppendOutcome, ChannelEpoch};
use super::transaction::Transaction;
use super::{Entry, StorageError, channels, processes};
use crate::clock::to_milliseconds;
use crate::history::{Log, StoredMessage};

/// Executes work in a transaction. Rolls it back if the work fails.
pub(super) fn in_transaction<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> Result<T>,
) -> Result<T> {
    #[cfg(feature = "simulation")]
    super::simulated_writer::fail_locked()?;
    let transaction = Transaction::begin(connection)?;
    let result = work(&transaction)?;
    #[cfg(feature = "simulation")]
    super::simulated_writer::fail_commit()?;
    transaction.commit()?;
    Ok(result)
}

/// Work for the next transaction.
pub(super) trait Work: Send {
    /// Executes the work. Called again if the transaction, which may contain other work too, failed.
    fn run(&mut self, batch: &mut Batch<'_>) -> Result<()>;

    /// Notifies the caller that the work is committed, or that it failed.
    fn reply(self: Box<Self>, result: Result<(), StorageError>);
}

/// A transaction, and the messages that it appends.
pub(super) struct Batch<'t> {
    pub(super) transaction: &'t Transaction<'t>,
    clock: StorageClock,
    /// The row of the channel that was last appended to. If the transaction fails, that channel may be damaged.
    last_channel: &'t Cell<Option<i64>>,
    heads: HashMap<ChannelEpoch, Head>,
    /// The epochs that replace the ended epochs of open logs.
    successors: HashMap<ChannelEpoch, ChannelEpoch>,
    appended: Appended,
    /// A process that the transaction has found registered.
    registered: Option<u32>,
}

/// The latest message of a channel, and the messages that a transaction appended to it.
#[derive(Clone, Copy, Default)]
struct Head {
    offset: u64,
    messages: u64,
    bytes: usize,
}

/// The messages that a transaction appended.
#[derive(Default)]
pub(super) struct Appended {
    pub(super) messages: Vec<(Arc<Log>, StoredMessage)>,
    /// Messages for logs whose epoch has ended, with the epoch that they were appended to.
    pub(super) moved: Vec<(ChannelEpoch, StoredMessage)>,
    /// Logs whose epoch has ended.
    pub(super) retired: Vec<Arc<Log>>,
}

impl<'t> Batch<'t> {
    pub(super) fn new(
        transaction: &'t Transaction<'t>,
        clock: StorageClock,
        last_channel: &'t Cell<Option<i64>>,
    ) -> Self {
        let (heads, successors, appended) = (HashMap::new(), HashMap::new(), Appended::default());
        Self { transaction, clock, last_channel, heads, successors, appended, registered: None }
    }

    /// Returns the time by the storage's clock. It is read for each call: a question is asked when it is written,
    /// after the signals that arrived before the transaction began.
    pub(super) fn now(&self) -> SystemTime {
        self.clock.now()
    }

    /// Returns the time in milliseconds, as in the tables.
    pub(super) fn now_in_milliseconds(&self) -> i64 {
        to_milliseconds(self.now())
    }

    /// Appends a message to its channel.
    pub(super) fn append(&mut self, entry: &Entry) -> Result<AppendOutcome> {
        if let Some(writer) = entry.writer
            && !self.is_registered(writer)?
        {
            return Ok(AppendOutcome::StreamEnded);
        }
        let own = ChannelEpoch::from_log(&entry.log);
        self.last_channel.set(Some(own.row));
        let (epoch, head) = self.find_head(&entry.log)?;
        self.last_channel.set(Some(epoch.row));
        let (outcome, message) = messages::append(self.transaction, entry, epoch, head, self.now())?;
        if let Some(message) = message {
            let head = self.heads.entry(epoch).or_default();
            head.offset = message.offset;
            head.messages += 1;
            head.bytes += message.frame.as_str().len();
            if epoch == own {
                self.appended.messages.push((Arc::clone(&entry.log), message));
            } else {
                self.appended.moved.push((epoch, message));
            }
        }
        Ok(outcome)
    }

    /// Returns whether a process may write its text streams: whether others have not ended them.
    fn is_registered(&mut self, process: u32) -> Result<bool> {
        if self.registered != Some(process) {
            self.registered = processes::is_registered(self.transaction, process)?.then_some(process);
        }
        Ok(self.registered.is_some())
    }

    /// Returns the epoch and the head of a log's channel. If the log's own epoch has ended, looks the channel up
    /// again, and creates it if it was deleted.
    fn find_head(&mut self, log: &Arc<Log>) -> Result<(ChannelEpoch, u64)> {
        let own = ChannelEpoch::from_log(log);
        let epoch = self.successors.get(&own).copied().unwrap_or(own);
        if let Some(head) = self.heads.get(&epoch) {
            return Ok((epoch, head.offset));
        }
        if let Some(head) = messages::head(self.transaction, epoch)? {
            return Ok((epoch, head));
        }
        let found = channels::find_or_create(self.transaction, log.channel(), self.now())?;
        let epoch = ChannelEpoch { row: found.row, number: found.epoch };
        self.successors.insert(own, epoch);
        self.appended.retired.push(Arc::clone(log));
        Ok((epoch, self.heads.get(&epoch).map_or(found.head, |head| head.offset)))
    }

    /// Updates the heads and the counts of the channels, and returns the messages for the logs.
    pub(super) fn finish(self) -> Result<Appended> {
        let now = self.now_in_milliseconds();
        for (epoch, head) in self.heads {
            let mut statement = self.transaction.prepare_cached(
                "UPDATE channels SET head = ?2, used = ?3, messages = messages + ?4, bytes = bytes + ?5 WHERE id = ?1",
            )?;
            statement.execute(params![epoch.row, head.offset, now, head.messages, head.bytes])?;
        }
        Ok(self.appended)
    }
}

/// Work whose result a caller waits for.
pub(super) struct Request<T, F> {
    work: F,
    answer: Option<T>,
    reply: oneshot::Sender<Result<T, StorageError>>,
}

impl<T: Send + 'static, F: FnMut(&mut Batch<'_>) -> Result<T> + Send + 'static> Request<T, F> {
    pub(super) fn boxed(work: F, reply: oneshot::Sender<Result<T, StorageError>>) -> Box<dyn Work> {
        Box::new(Self { work, answer: None, reply })
    }
}

impl<T: Send, F: FnMut(&mut Batch<'_>) -> Result<T> + Send> Work for Request<T, F> {
    fn run(&mut self, batch: &mut Batch<'_>) -> Result<()> {
        self.answer = Some((self.work)(batch)?);
        Ok(())
    }

    fn reply(self: Box<Self>, result: Result<(), StorageError>) {
        let Self { answer, reply, .. } = *self;
        // Committed work has run, so it has an answer.
        let answer =
            result.and_then(|()| answer.ok_or_else(|| StorageError::new("the work was not executed")));
        let _ = reply.send(answer);
    }
}
