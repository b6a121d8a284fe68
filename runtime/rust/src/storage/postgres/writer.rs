//! The task that appends messages. Each statement contains all messages that are waiting, up to a limit.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::append::{AppendArrays, Placed};
use super::beat::Registration;
use super::committed::{Committed, notify};
use super::connection::{FailureKind, Link, REQUEST_TIMEOUT, RequestError};
use super::logs::channel_id;
use super::notices::Notices;
use super::{AppendError, Entry, Shared, StorageError};
use crate::history::Appended;
use crate::storage::queue::Reservation;

mod locked;

use locked::LockedChannels;

/// The most messages in one transaction, and their approximate bytes.
const MAX_BATCH: usize = 512;
const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;

/// How many times to attempt a transaction that fails because of concurrent ones.
const MAX_ATTEMPTS: usize = 5;

/// A message to append, whose publisher waits.
pub(super) struct Append {
    pub(super) entry: Entry,
    pub(super) reply: oneshot::Sender<Result<Appended, AppendError>>,
    /// `None` if the storage itself appends the message.
    _waiting: Option<Reservation>,
    /// Since when it waits because another transaction has locked its channel.
    locked_since: Option<Instant>,
}

impl Append {
    pub(super) fn new(
        entry: Entry,
        waiting: Option<Reservation>,
    ) -> (Self, oneshot::Receiver<Result<Appended, AppendError>>) {
        let (reply, outcome) = oneshot::channel();
        (Self { entry, reply, _waiting: waiting, locked_since: None }, outcome)
    }
}

pub(super) struct Writer {
    link: Link,
    shared: Arc<Shared>,
    appends: mpsc::UnboundedReceiver<Append>,
    /// The first message of the next batch. It has an idempotency key that the last batch contained, too.
    next: Option<Append>,
    locked: LockedChannels,
    /// The notices for other processes, and the task that sends them. It has a connection of its own, so that the next
    /// batch does not wait for it.
    notices: mpsc::UnboundedSender<Notices>,
    notifier: JoinHandle<()>,
}

impl Writer {
    pub(super) fn new(link: Link, shared: Arc<Shared>, appends: mpsc::UnboundedReceiver<Append>) -> Self {
        let (notices, to_send) = mpsc::unbounded_channel();
        let notifier = tokio::spawn(send_notices(Link::new(Arc::clone(&link.database)), to_send));
        Self { link, shared, appends, next: None, locked: LockedChannels::default(), notices, notifier }
    }

    /// Appends messages until the storage is dropped.
    pub(super) async fn run(mut self) {
        while let Some(work) = self.next_work().await {
            let batch = match work {
                Work::Append(first) => {
                    // Publishers that have just been answered often publish again. Their messages belong in this batch;
                    // otherwise half of the publishers would wait while the messages of the others are committed.
                    tokio::task::yield_now().await;
                    self.collect(first)
                }
                Work::RetryLocked => self.locked.take_unlocked(&self.link).await,
            };
            if !batch.is_empty() {
                self.append(batch).await;
            }
        }
        drop(self.notices);
        let _ = self.notifier.await;
        // On the connection that reports, so that it follows a report that is under way.
        self.shared.process.unregister(&self.shared.link).await;
    }

    /// Waits for work. Returns `None` once everything is written.
    async fn next_work(&mut self) -> Option<Work> {
        if let Some(next) = self.next.take() {
            return Some(Work::Append(next));
        }
        loop {
            let retry_at = self.locked.retry_at();
            let is_closed = self.appends.is_closed() && self.appends.is_empty();
            if is_closed && retry_at.is_none() {
                return None;
            }
            tokio::select! {
                biased;
                () = async { tokio::time::sleep_until(retry_at.unwrap_or_else(Instant::now)).await },
                    if retry_at.is_some() => return Some(Work::RetryLocked),
                append = self.appends.recv(), if !is_closed => if let Some(append) = append {
                    return Some(Work::Append(append));
                },
            }
        }
    }

    /// Returns a message and those that are waiting after it, without those of locked channels.
    fn collect(&mut self, first: Append) -> Vec<Append> {
        let (mut bytes, mut keys, mut batch) = (0, HashSet::new(), Vec::new());
        let mut next = Some(first);
        while let Some(append) = next {
            next = None;
            if let Some(append) = self.locked.divert(append) {
                if key_of(&append).is_some_and(|key| !keys.insert(key)) {
                    self.next = Some(append);
                    break;
                }
                bytes += append.entry.frame.len();
                batch.push(append);
            }
            if batch.len() < MAX_BATCH && bytes < MAX_BATCH_BYTES {
                next = self.appends.try_recv().ok();
            }
        }
        batch
    }

    /// Appends messages in one transaction. If the database rejects it, appends each message in its own transaction, so
    /// that none fails because of another. Messages of locked channels wait apart.
    async fn append(&mut self, batch: Vec<Append>) {
        let batch = self.refuse_ended(batch);
        if batch.is_empty() {
            return;
        }
        match append_all(&self.link, &self.shared.process, &batch).await {
            Ok(placed) => self.finish(batch, &placed).await,
            Err(failure) if failure.kind == FailureKind::NotRegistered => {
                match self.shared.process.renew(&self.link).await {
                    Ok(()) => Box::pin(self.append(batch)).await,
                    Err(failure) => fail_all(batch, &failure.error),
                }
            }
            Err(failure) if failure.kind == FailureKind::Locked => {
                let count = batch.len();
                let rest = self.locked.set_apart(&self.link, batch).await;
                if rest.len() == count {
                    self.append_each(rest).await;
                } else if !rest.is_empty() {
                    Box::pin(self.append(rest)).await;
                }
            }
            Err(failure) if failure.kind == FailureKind::RolledBack && batch.len() > 1 => {
                self.append_each(batch).await;
            }
            Err(failure) => {
                if failure.kind == FailureKind::Unknown {
                    self.shared.process.forget_connection();
                }
                fail_all(batch, &failure.error);
            }
        }
    }

    /// Returns a batch without the text streams that were started before this process was declared dead.
    fn refuse_ended(&self, batch: Vec<Append>) -> Vec<Append> {
        let owner = self.shared.process.owner();
        let is_ended = |append: &Append| append.entry.writer.is_some_and(|writer| writer != owner);
        if !batch.iter().any(is_ended) {
            return batch;
        }
        let (ended, rest): (Vec<_>, Vec<_>) = batch.into_iter().partition(is_ended);
        for append in ended {
            let _ = append.reply.send(Err(AppendError::StreamEnded));
        }
        rest
    }

    /// Appends each message in its own transaction.
    async fn append_each(&mut self, batch: Vec<Append>) {
        for append in batch {
            // An earlier message of the batch may have found its channel locked.
            if let Some(append) = self.locked.divert(append) {
                Box::pin(self.append(vec![append])).await;
            }
        }
    }

    /// Hands committed messages to their logs, and notifies publishers and other processes.
    async fn finish(&self, batch: Vec<Append>, placed: &[Placed]) {
        if placed.len() != batch.len() {
            let error = StorageError::new("the database did not return where each message is stored");
            return fail_all(batch, &error);
        }
        let (mut committed, mut replies) = (Committed::default(), Vec::new());
        for (Append { entry, reply, .. }, placed) in batch.into_iter().zip(placed) {
            replies.push((reply, committed.add(entry, placed).map_err(AppendError::from)));
        }
        let mut notices = Notices::default();
        committed.add_heads(&mut notices);
        committed.deliver(&self.link, &self.shared).await;
        for (reply, appended) in replies {
            let _ = reply.send(appended);
        }
        if !self.shared.is_alone() {
            let _ = self.notices.send(notices);
        }
    }
}

/// Notifies other processes until the writer ends. Notices that arrive while earlier ones are sent are sent together.
async fn send_notices(link: Link, mut waiting: mpsc::UnboundedReceiver<Notices>) {
    while let Some(mut notices) = waiting.recv().await {
        while let Ok(more) = waiting.try_recv() {
            notices.append(more);
        }
        // Without a connection, other processes read what changed when they poll.
        if let Ok(session) = link.session().await {
            let _ = timeout(REQUEST_TIMEOUT, notify(session, &link.database.schema, &notices)).await;
        }
    }
}

enum Work {
    Append(Append),
    /// Attempt the messages of locked channels again.
    RetryLocked,
}

/// Returns the idempotency key of a message with its channel.
fn key_of(append: &Append) -> Option<(i64, [u8; 16])> {
    append.entry.key.map(|key| (channel_id(&append.entry.log), key.hash))
}

fn fail_all(batch: Vec<Append>, error: &StorageError) {
    for append in batch {
        let _ = append.reply.send(Err(error.clone().into()));
    }
}

/// Appends messages in one transaction. Repeats that if concurrent transactions prevented it.
async fn append_all(
    link: &Link,
    process: &Registration,
    batch: &[Append],
) -> Result<Vec<Placed>, RequestError> {
    let arrays = AppendArrays::new(batch.iter().map(|append| &append.entry));
    for _ in 1..MAX_ATTEMPTS {
        match arrays.append(link, process).await {
            Err(failure) if failure.kind == FailureKind::Conflict => {}
            outcome => return outcome,
        }
    }
    arrays.append(link, process).await
}
