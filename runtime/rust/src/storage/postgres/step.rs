//! Transactions in which steps of runs do their work.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::connection::{FailureKind, RequestError};
use super::executor::{Executor, ExecutorError, fetch_text};
use super::transaction::Transaction;
use super::{Postgres, Shared, StorageError, StorageFuture};
use crate::storage::journal::{calls, claims};
use crate::storage::sql::SqlTransaction;
use crate::storage::{CallStart, Claim, Outcome, RecordedCall};

/// The transaction in which a step of a run does its work. See [`Run::transaction`](crate::Run::transaction).
///
/// It implements `Deref` for the client of `tokio_postgres`, whose methods execute statements. Do not end the transaction in
/// the work: it is committed together with the step's result. A savepoint is begun with
/// `transaction.batch_execute("SAVEPOINT name")`.
pub struct StepTransaction {
    /// `None` only while it is dropped.
    transaction: Option<Transaction>,
    returned: Returned,
}

/// Receives the transaction when the work drops it.
type Returned = Arc<Mutex<Option<Transaction>>>;

/// A step whose work has the transaction.
pub(crate) struct OpenStep {
    shared: Arc<Shared>,
    returned: Returned,
}

/// A transaction that begins, and the step that it belongs to.
pub(crate) type BegunStep = StorageFuture<Result<(StepTransaction, OpenStep), StorageError>>;

/// The effect of committing a step.
pub(crate) enum StepCommit {
    /// This outcome is recorded. It is that of an earlier attempt if its commit succeeded although its connection failed;
    /// the work of this attempt is rolled back then.
    Recorded(Outcome),
    /// Another process holds the run, or the run has ended. The work is rolled back.
    ClaimLost,
    /// The database rejected the transaction, or the work has not returned it.
    RolledBack(StorageError),
}

const FIND_OUTCOME: &str = "
    SELECT value, error FROM steps WHERE run = ?1 AND branch = ?2 AND position = ?3
        AND (value IS NOT NULL OR error IS NOT NULL)
";

impl Postgres {
    /// Begins a transaction for the work of a step, which the server ends after `max_idle` without a statement.
    pub(crate) fn begin_step(&self, max_idle: Duration) -> BegunStep {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let begun = Transaction::begin_for_step(&shared, max_idle).await;
            let transaction = begun.map_err(|failure| failure.error)?;
            let returned = Returned::default();
            let lent = StepTransaction { transaction: Some(transaction), returned: Arc::clone(&returned) };
            Ok((lent, OpenStep { shared, returned }))
        })
    }
}

impl OpenStep {
    fn take(&self) -> Option<Transaction> {
        self.returned.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(crate) async fn roll_back(self) {
        if let Some(transaction) = self.take() {
            transaction.roll_back().await;
        }
    }

    /// Records the step's result and commits.
    pub(crate) async fn commit(
        self,
        claim: Claim,
        call: RecordedCall,
        start: CallStart,
    ) -> Result<StepCommit, StorageError> {
        let Some(mut transaction) = self.take() else {
            let error = "the work has kept it beyond its end";
            return Ok(StepCommit::RolledBack(StorageError::new(error)));
        };
        let recorded = record(&mut transaction, claim, &call, &start).await;
        let failure = match recorded {
            Ok(None) => match transaction.commit().await {
                Ok(()) => return Ok(StepCommit::Recorded(call.outcome)),
                Err(failure) => failure,
            },
            Ok(Some(other)) => {
                transaction.roll_back().await;
                return Ok(other);
            }
            Err(failure) => failure,
        };
        let is_unknown = matches!(failure.kind, FailureKind::Unknown);
        transaction.roll_back().await;
        if !is_unknown {
            return Ok(StepCommit::RolledBack(failure.error));
        }
        // The commit may have succeeded, and it may be under way. It holds the lock of the run until it ends.
        let mut check = Transaction::begin(&self.shared).await.map_err(|failure| failure.error)?;
        let found = find(&mut check, claim, &call).await;
        check.roll_back().await;
        let found = found.map_err(|failure| failure.error)?;
        Ok(found.unwrap_or(StepCommit::RolledBack(failure.error)))
    }
}

/// Records a result, unless the claim is lost or there is one already.
async fn record(
    transaction: &mut Transaction,
    claim: Claim,
    call: &RecordedCall,
    start: &CallStart,
) -> Result<Option<StepCommit>, RequestError> {
    // The application's deferred triggers must find their own search path.
    let search_path = "SELECT current_setting('search_path')";
    let search_path: String = match transaction.request(search_path, &[]).await?.rows.first() {
        Some(row) => row.get(0),
        None => String::new(),
    };
    let own_path = transaction.schema_name().to_owned();
    set_search_path(transaction, &own_path).await?;
    let found = find(transaction, claim, call).await?;
    if found.is_none() {
        calls::write(transaction, claim.run, call, start).await?;
        set_search_path(transaction, &search_path).await?;
    }
    Ok(found)
}

async fn set_search_path(transaction: &mut Transaction, path: &str) -> Result<(), RequestError> {
    let sql = "SELECT set_config('search_path', $1, true)";
    transaction.request(sql, &[(&path, Type::TEXT)]).await.map(drop)
}

/// Locks the run. Returns the step's outcome if it is recorded, or `ClaimLost`.
async fn find(
    transaction: &mut Transaction,
    claim: Claim,
    call: &RecordedCall,
) -> Result<Option<StepCommit>, RequestError> {
    if !claims::lock(transaction, claim).await? {
        return Ok(Some(StepCommit::ClaimLost));
    }
    let site = &call.site;
    let params = [claim.run.into(), site.branch.as_str().into(), site.position.into()];
    let mut rows = transaction.query(FIND_OUTCOME, &params).await?;
    let Some(row) = rows.first_mut() else { return Ok(None) };
    let value = row.optional_text(0).map(Outcome::Value);
    Ok(Some(StepCommit::Recorded(value.unwrap_or_else(|| Outcome::Error(row.text(1))))))
}

impl Drop for StepTransaction {
    fn drop(&mut self) {
        *self.returned.lock().unwrap_or_else(PoisonError::into_inner) = self.transaction.take();
    }
}

impl Deref for StepTransaction {
    type Target = Client;

    fn deref(&self) -> &Client {
        let transaction = self.transaction.as_ref();
        transaction.unwrap_or_else(|| unreachable!("the transaction is taken when it is dropped")).client()
    }
}

impl fmt::Debug for StepTransaction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("StepTransaction")
    }
}

impl Executor for StepTransaction {
    async fn fetch_text(
        &mut self,
        sql: &str,
        params: &[Option<&str>],
    ) -> Result<Option<String>, ExecutorError> {
        fetch_text(self, sql, params).await
    }
}
