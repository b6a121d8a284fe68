//! Transactions of the journal.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use futures_util::{TryStreamExt, poll};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_postgres::Client;

use super::append::{APPEND, AppendArrays, Placed};
use super::committed::{Committed, notify};
use super::connection::{self, FailureKind, REQUEST_TIMEOUT, RequestError, Session};
use super::notices::Notices;
use super::params::OwnedParam;
use super::pool::PooledLink;
use super::{Entry, Postgres, Shared, StorageError, StorageFuture};
use crate::history::{Appended, KeyReused};
use crate::storage::queue::Reservation;

/// The number of attempts of a transaction that fails because of concurrent ones, or whose connection fails before it
/// is committed.
const MAX_ATTEMPTS: usize = 8;

/// After this long without a statement, the server ends a transaction. Its client has vanished, and its locks must not
/// stay.
const MAX_IDLE: &str = "5s";

/// The work of a transaction.
pub(super) type Work<A, T> = for<'t> fn(&'t mut Transaction, &'t A) -> Working<'t, T>;
pub(super) type Working<'t, T> = Pin<Box<dyn Future<Output = Result<T, RequestError>> + Send + 't>>;

/// A transaction. Dropping it before it is committed rolls it back.
pub(super) struct Transaction {
    pub(super) shared: Arc<Shared>,
    link: PooledLink,
    session: Arc<Session>,
    /// Whether the transaction has begun and not ended.
    is_open: bool,
    /// The requests that were sent without waiting for their answers, in order. The lock only makes the transaction
    /// `Sync`.
    unanswered: Mutex<Vec<Request>>,
    committed: Committed,
    /// The notices that other processes receive after the commit.
    pub(super) notices: Notices,
}

type Request = Pin<Box<dyn Future<Output = Result<(), tokio_postgres::Error>> + Send>>;

/// The answer to a statement.
pub(super) struct Answer {
    pub(super) rows: Vec<tokio_postgres::Row>,
    /// The number of rows that it changed or returned.
    pub(super) count: u64,
}

impl Transaction {
    pub(super) async fn begin(shared: &Arc<Shared>) -> Result<Self, RequestError> {
        Self::begin_on(shared, shared.pool.take().await).await
    }

    /// Begins a transaction for the statements of an application. The server ends it after this long without a statement.
    pub(super) async fn begin_for_step(
        shared: &Arc<Shared>,
        max_idle: Duration,
    ) -> Result<Self, RequestError> {
        let mut transaction = Self::begin_on(shared, shared.step_pool.take().await).await?;
        let max_idle = max_idle.as_millis().clamp(1, 86_400_000);
        let begin = format!("BEGIN; SET LOCAL idle_in_transaction_session_timeout = {max_idle}");
        transaction.is_open = true;
        let answer = transaction.session.client.batch_execute(&begin);
        transaction.link.request(&transaction.session, answer).await?;
        Ok(transaction)
    }

    async fn begin_on(shared: &Arc<Shared>, link: PooledLink) -> Result<Self, RequestError> {
        let session = link.connected().await?;
        Ok(Self {
            shared: Arc::clone(shared),
            link,
            session,
            is_open: false,
            unanswered: Mutex::default(),
            committed: Committed::default(),
            notices: Notices::default(),
        })
    }

    /// Executes a statement, in one round trip with the requests that were sent without waiting.
    pub(super) async fn request(
        &mut self,
        sql: &str,
        params: &[connection::Param<'_>],
    ) -> Result<Answer, RequestError> {
        self.begin_unless_open().await;
        let earlier = self.take_unanswered();
        let client = &self.session.client;
        let answer = async {
            let mut rows = std::pin::pin!(client.query_typed_raw(sql, params.iter().cloned()).await?);
            let collected = rows.as_mut().try_collect().await?;
            Ok(Answer { rows: collected, count: rows.rows_affected().unwrap_or_default() })
        };
        let answer = self.link.request(&self.session, after(earlier, answer)).await;
        answer.map_err(RequestError::before_commit)
    }

    /// Sends a statement without waiting for its answer. If it fails, the next request or the commit returns the error.
    pub(super) async fn send(&mut self, sql: Arc<str>, params: Vec<OwnedParam>) {
        self.begin_unless_open().await;
        let session = Arc::clone(&self.session);
        let request = async move {
            let params: Vec<_> = params.iter().map(OwnedParam::with_type).collect();
            session.client.execute_typed(&sql, &params).await.map(drop)
        };
        self.add_unanswered(request).await;
    }

    async fn begin_unless_open(&mut self) {
        if self.is_open {
            return;
        }
        self.is_open = true;
        // The settings end with the transaction, because a pooler may give the next one another connection.
        let begin = format!(
            "BEGIN; SET LOCAL search_path = {}; SET LOCAL idle_in_transaction_session_timeout = '{MAX_IDLE}'",
            self.schema_name()
        );
        let session = Arc::clone(&self.session);
        self.add_unanswered(async move { session.client.batch_execute(&begin).await }).await;
    }

    async fn add_unanswered(
        &mut self,
        request: impl Future<Output = Result<(), tokio_postgres::Error>> + Send + 'static,
    ) {
        let mut request: Request = Box::pin(request);
        // A request is sent when it is polled first.
        if let Poll::Ready(outcome) = poll!(&mut request) {
            request = Box::pin(async { outcome });
        }
        self.unanswered.get_mut().unwrap_or_else(PoisonError::into_inner).push(request);
    }

    fn take_unanswered(&mut self) -> Vec<Request> {
        std::mem::take(self.unanswered.get_mut().unwrap_or_else(PoisonError::into_inner))
    }

    /// Appends a message, unless its idempotency key was used before.
    pub(super) async fn append(
        &mut self,
        entry: &Entry,
    ) -> Result<Result<Appended, KeyReused>, RequestError> {
        let sql = self.link.database.schema.qualify(APPEND);
        let arrays = AppendArrays::new(std::iter::once(entry));
        let answer = self.request(&sql, &arrays.params()).await?;
        let Some(row) = answer.rows.first() else {
            let error = StorageError::new("the database returned no row for an appended message");
            return Err(RequestError { error, kind: FailureKind::RolledBack });
        };
        Ok(self.committed.add(entry.clone(), &Placed::from_row(row)))
    }

    pub(super) fn client(&self) -> &Client {
        &self.session.client
    }

    pub(super) fn schema_name(&self) -> &str {
        self.link.database.schema.name()
    }

    pub(super) async fn commit(&mut self) -> Result<(), RequestError> {
        if self.is_open {
            failpoint!("before-commit");
            let session = Arc::clone(&self.session);
            self.add_unanswered(async move { session.client.batch_execute("COMMIT").await }).await;
            let requests = self.take_unanswered();
            self.committed.add_heads(&mut self.notices);
            // A pooler may give the next transaction another connection.
            if self.link.database.is_direct() {
                self.notify_after_commit().await;
            }
            // If an earlier statement failed, the server rolls back, and confirms that in the same way as a commit. The
            // notices then contain nothing new.
            self.link.request(&self.session, after(requests, std::future::ready(Ok(())))).await?;
            self.is_open = false;
            failpoint!("after-commit");
        }
        Ok(())
    }

    pub(super) async fn roll_back(mut self) {
        drop(self.take_unanswered());
        if self.is_open && !self.session.client.is_closed() {
            let rolled_back = self.session.client.batch_execute("ROLLBACK");
            self.is_open = self.link.request(&self.session, rolled_back).await.is_err();
        }
    }

    /// Sends the notices, so that the server notifies other processes as soon as it has committed.
    async fn notify_after_commit(&mut self) {
        let notices = std::mem::take(&mut self.notices);
        let (session, schema) = (Arc::clone(&self.session), self.link.database.schema.clone());
        self.add_unanswered(async move {
            notify(session, &schema, &notices).await;
            Ok(())
        })
        .await;
    }

    /// Hands the appended messages to their logs.
    async fn deliver(&mut self) {
        std::mem::take(&mut self.committed).deliver(&self.link, &self.shared).await;
    }
}

/// Sends a request, and waits for its answer and those of earlier ones. Returns the first error.
async fn after<T>(
    earlier: Vec<Request>,
    request: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, tokio_postgres::Error> {
    let earlier = async {
        for request in earlier {
            request.await?;
        }
        Ok(())
    };
    let (earlier, answer) = tokio::join!(biased; earlier, request);
    earlier.and(answer)
}

/// Closes the connection of an open transaction, which others must not continue.
impl Drop for Transaction {
    fn drop(&mut self) {
        if self.is_open {
            self.session.close();
        }
    }
}

impl Postgres {
    /// Executes work in a transaction. It continues to its end even if the result is dropped.
    pub(super) fn transact<A: Send + Sync + 'static, T: Send + 'static>(
        &self,
        arguments: A,
        work: Work<A, T>,
    ) -> StorageFuture<Result<T, StorageError>> {
        self.transact_reserved(self.queue.reserve(0), arguments, work)
    }

    pub(super) fn transact_reserved<A: Send + Sync + 'static, T: Send + 'static>(
        &self,
        waiting: Reservation,
        arguments: A,
        work: Work<A, T>,
    ) -> StorageFuture<Result<T, StorageError>> {
        let (shared, (reply, answer)) = (Arc::clone(&self.shared), oneshot::channel());
        self.shared.runtime.spawn(async move {
            let committed = attempt(&shared, &arguments, work).await;
            let (transaction, result) = match committed {
                Ok((mut transaction, result)) => {
                    transaction.deliver().await;
                    (Some(transaction), Ok(result))
                }
                Err(failure) => (None, Err(failure.error)),
            };
            drop(waiting);
            let _ = reply.send(result);
            if let Some(transaction) = transaction {
                let session = Arc::clone(&transaction.session);
                notify(session, &transaction.link.database.schema, &transaction.notices).await;
            }
        });
        Box::pin(async { answer.await.unwrap_or_else(|_| Err(ended())) })
    }

    /// Like [`transact`](Self::transact), but fails if too much is waiting already.
    pub(super) fn transact_unless_busy<A: Send + Sync + 'static, T: Send + 'static>(
        &self,
        bytes: usize,
        arguments: A,
        work: Work<A, T>,
    ) -> StorageFuture<Result<T, StorageError>> {
        match self.queue.try_reserve(bytes) {
            Ok(waiting) => self.transact_reserved(waiting, arguments, work),
            Err(busy) => Box::pin(async { Err(busy) }),
        }
    }
}

/// Executes work and commits. Repeats that if the server rolled it back for a reason that passes.
async fn attempt<A, T>(
    shared: &Arc<Shared>,
    arguments: &A,
    work: Work<A, T>,
) -> Result<(Transaction, T), RequestError> {
    let (since, mut attempts) = (Instant::now(), 0);
    loop {
        attempts += 1;
        let mut transaction = Transaction::begin(shared).await?;
        let mut result = work(&mut transaction, arguments).await;
        if result.is_ok()
            && let Err(failure) = transaction.commit().await
        {
            result = Err(failure);
        }
        let failure = match result {
            Ok(result) => return Ok((transaction, result)),
            Err(failure) => failure,
        };
        transaction.roll_back().await;
        let passes = matches!(failure.kind, FailureKind::Conflict | FailureKind::Lost);
        if !passes || attempts == MAX_ATTEMPTS || since.elapsed() > REQUEST_TIMEOUT / 2 {
            return Err(failure);
        }
    }
}

pub(super) fn ended() -> StorageError {
    StorageError::new("the runtime that the storage was opened in has ended")
}
