//! The task that appends messages. Each statement contains all messages that are waiting, up to a limit.

use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio_postgres::Row;

use super::append::{APPEND, AppendArrays};
use super::committed::{Committed, notify};
use super::connection::{FailureKind, Link, RequestError};
use super::logs::channel_id;
use super::notices::Notices;
use super::{AppendError, Entry, Shared, StorageError, beat};
use crate::history::Appended;
use crate::storage::queue::Reservation;

/// The most messages in one transaction, and their approximate bytes.
const MAX_BATCH: usize = 512;
const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;

/// How many times to attempt a transaction that fails because of concurrent ones.
const MAX_ATTEMPTS: usize = 5;

/// A message to append, whose publisher waits.
pub(super) struct Append {
    pub(super) entry: Entry,
    pub(super) reply: oneshot::Sender<Result<Appended, AppendError>>,
    pub(super) _waiting: Reservation,
}

pub(super) struct Writer {
    link: Link,
    shared: Arc<Shared>,
    appends: mpsc::UnboundedReceiver<Append>,
    /// The first message of the next batch. It has an idempotency key that the last batch contained, too.
    next: Option<Append>,
    /// A notification that is being sent.
    notifying: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Writer {
    pub(super) fn new(link: Link, shared: Arc<Shared>, appends: mpsc::UnboundedReceiver<Append>) -> Self {
        Self { link, shared, appends, next: None, notifying: None }
    }

    /// Appends messages until the storage is dropped.
    pub(super) async fn run(mut self) {
        while let Some(first) = self.next_append().await {
            // Publishers that have just been answered often publish again. Their messages belong in this batch; otherwise
            // half of the publishers would wait while the messages of the others are committed.
            tokio::task::yield_now().await;
            let batch = self.collect(first);
            self.append(batch).await;
        }
        if let Some(notifying) = self.notifying.take() {
            notifying.await;
        }
        // On the connection that reports, so that it follows a report that is under way.
        beat::unregister(&self.shared.link, self.shared.owner).await;
    }

    /// Returns the next message, and sends the notification meanwhile.
    async fn next_append(&mut self) -> Option<Append> {
        if let Some(next) = self.next.take() {
            return Some(next);
        }
        loop {
            let Some(notifying) = &mut self.notifying else { return self.appends.recv().await };
            tokio::select! {
                biased;
                () = notifying => self.notifying = None,
                append = self.appends.recv() => return append,
            }
        }
    }

    /// Returns a message and those that are waiting after it.
    fn collect(&mut self, first: Append) -> Vec<Append> {
        let (mut bytes, mut keys, mut batch) = (0, HashSet::new(), Vec::new());
        let mut next = Some(first);
        while let Some(append) = next {
            let key = append.entry.key.map(|key| (channel_id(&append.entry.log), key.hash));
            if key.is_some_and(|key| !keys.insert(key)) {
                self.next = Some(append);
                break;
            }
            bytes += append.entry.frame.len();
            batch.push(append);
            let is_full = batch.len() == MAX_BATCH || bytes >= MAX_BATCH_BYTES;
            next = if is_full { None } else { self.appends.try_recv().ok() };
        }
        batch
    }

    /// Appends messages in one transaction. If the database rejects it, appends each message in its own transaction, so
    /// that none fails because of another.
    async fn append(&mut self, batch: Vec<Append>) {
        match append_all(&self.link, &batch).await {
            Ok(rows) => self.finish(batch, &rows).await,
            Err(failure) if failure.kind == FailureKind::RolledBack && batch.len() > 1 => {
                for append in batch {
                    Box::pin(self.append(vec![append])).await;
                }
            }
            Err(failure) => {
                for append in batch {
                    let _ = append.reply.send(Err(failure.error.clone().into()));
                }
            }
        }
    }

    /// Hands committed messages to their logs, and notifies publishers and other processes.
    async fn finish(&mut self, batch: Vec<Append>, rows: &[Row]) {
        if rows.len() != batch.len() {
            let error = StorageError::new("the database did not return one row per appended message");
            for append in batch {
                let _ = append.reply.send(Err(error.clone().into()));
            }
            return;
        }
        let (mut committed, mut replies) = (Committed::default(), Vec::new());
        for (Append { entry, reply, _waiting }, row) in batch.into_iter().zip(rows) {
            replies.push((reply, committed.add(entry, row).map_err(AppendError::from)));
        }
        let notices = committed.deliver(&self.link, &self.shared).await;
        for (reply, appended) in replies {
            let _ = reply.send(appended);
        }
        self.notify(notices);
    }

    /// Starts to notify other processes.
    fn notify(&mut self, notices: Notices) {
        // If there is no connection, other processes read the messages when they poll. The future must not wait for
        // anything that appending uses, because it makes no progress meanwhile.
        let (Some(session), earlier) = (self.link.open_session(), self.notifying.take()) else { return };
        let database = Arc::clone(&self.link.database);
        self.notifying = Some(Box::pin(async move {
            if let Some(earlier) = earlier {
                earlier.await;
            }
            notify(&session, &database, &notices).await;
        }));
    }
}

/// Appends messages in one transaction. Repeats that if concurrent transactions prevented it.
async fn append_all(link: &Link, batch: &[Append]) -> Result<Vec<Row>, RequestError> {
    let arrays = AppendArrays::new(batch.iter().map(|append| &append.entry));
    for _ in 1..MAX_ATTEMPTS {
        match link.query(APPEND, &arrays.params()).await {
            Err(failure) if failure.kind == FailureKind::Conflict => {}
            outcome => return outcome,
        }
    }
    link.query(APPEND, &arrays.params()).await
}
