//! Steps whose work and record commit together.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::context::{Call, StopReason};
use super::step::Policy;
use super::{Run, RunError, StepOptions};
use crate::channel::TypedChannel;
use crate::storage::{CallKind, Outcome, StepCommit, StepTransaction, StorageError};

impl<C: TypedChannel> Run<C> {
    /// Does work in a database transaction, and records its result in the same transaction. So the work happens exactly
    /// once in the database, even if the process is killed.
    ///
    /// The hub's storage must be [`Postgres`](crate::Postgres). The transaction uses a connection of the storage, and so its
    /// user and its database. It is committed when `work` returns `Ok`, and rolled back otherwise. The work is attempted
    /// again if it fails, panics or takes too long, or if the transaction cannot be committed, as with
    /// [`step`](Self::step). Effects outside of the transaction may happen again.
    ///
    /// ```no_run
    /// # use fanfare::{Run, RunError, Topic, TypedChannel};
    /// # async fn job<C: TypedChannel>(run: Run<C>, status: Topic<'_, str>) -> Result<(), RunError> {
    /// let paid: i64 = run
    ///     .transaction("pay", async |mut transaction| {
    ///         let paid = transaction.query_one("UPDATE orders SET status = 'paid' WHERE id = 42 RETURNING paid", &[]);
    ///         let paid: i64 = paid.await?.get(0);
    ///         run.hub().publish(status, "paid").within(&mut transaction).await?;
    ///         Ok::<_, RunError>(paid)
    ///     })
    ///     .await?;
    /// # let _ = paid;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns the error of `work` in its last attempt, or the reason why the transaction could not be committed.
    pub async fn transaction<T, E, F>(
        &self,
        id: &str,
        work: impl FnMut(StepTransaction) -> F,
    ) -> Result<T, RunError>
    where
        T: Serialize + DeserializeOwned,
        E: Into<RunError>,
        F: Future<Output = Result<T, E>>,
    {
        self.transaction_with(id, StepOptions::new(), work).await
    }

    /// Does work in a database transaction, like [`transaction`](Self::transaction), with a timeout or a retry policy of its
    /// own.
    ///
    /// # Errors
    /// Returns the same errors.
    pub async fn transaction_with<T, E, F>(
        &self,
        id: &str,
        options: StepOptions,
        mut work: impl FnMut(StepTransaction) -> F,
    ) -> Result<T, RunError>
    where
        T: Serialize + DeserializeOwned,
        E: Into<RunError>,
        F: Future<Output = Result<T, E>>,
    {
        let call = self.begin(CallKind::Step, id).await?;
        let recorded = match call.recorded_or_failures().await {
            Ok(recorded) => recorded,
            Err(failures) => {
                Policy::new(&call, options).run_in_transactions(&call, failures, &mut work).await
            }
        };
        self.end_step(call, recorded).await
    }
}

impl Policy {
    /// Attempts the work until a transaction commits or the work fails for good.
    async fn run_in_transactions<T, E, F>(
        &self,
        call: &Call,
        mut failures: u32,
        work: &mut impl FnMut(StepTransaction) -> F,
    ) -> Result<String, String>
    where
        T: Serialize,
        E: Into<RunError>,
        F: Future<Output = Result<T, E>>,
    {
        loop {
            let error = match self.attempt_in_transaction(call, work).await {
                Ok(outcome) => {
                    call.context.progress();
                    return match outcome {
                        Outcome::Error(error) => Err(error),
                        Outcome::Value(value) => Ok(value),
                        Outcome::Begun { .. } => unreachable!("the outcome is final"),
                    };
                }
                Err(error) => error,
            };
            self.record_failure(call, &mut failures, error, |_| None).await?;
        }
    }

    /// Returns the outcome that was recorded: the work's, or one whose commit was not known yet.
    async fn attempt_in_transaction<T, E, F>(
        &self,
        call: &Call,
        work: &mut impl FnMut(StepTransaction) -> F,
    ) -> Result<Outcome, RunError>
    where
        T: Serialize,
        E: Into<RunError>,
        F: Future<Output = Result<T, E>>,
    {
        let context = &call.context;
        let Some(begun) = context.engine().await.begin_step(self.timeout) else {
            let why = "`run.transaction` needs a hub whose storage is PostgreSQL";
            return context.stop(StopReason::Halted(why.to_owned())).await;
        };
        let (transaction, step) = match begun.await {
            Ok(begun) => begun,
            Err(error) => return context.fail_storage(error).await,
        };
        let mut transaction = Some(transaction);
        let mut work = || {
            let transaction = transaction.take().unwrap_or_else(|| unreachable!("it is attempted once"));
            work(transaction)
        };
        let value = self.attempt(call, &mut work).await;
        // Unless the work began, nobody has used the transaction.
        drop(transaction);
        let record = match value {
            Ok(value) => call.to_record(Outcome::Value(value)),
            Err(error) => {
                step.roll_back().await;
                return Err(error);
            }
        };
        context.count_recorded(record.bytes()).await;
        match step.commit(context.claim(), record, call.start.clone()).await {
            Ok(StepCommit::Recorded(outcome)) => Ok(outcome),
            Ok(StepCommit::ClaimLost) => context.stop(StopReason::Lost).await,
            Ok(StepCommit::RolledBack(error)) => Err(not_committed(call, &error)),
            Err(error) => context.fail_storage(error).await,
        }
    }
}

fn not_committed(call: &Call, error: &StorageError) -> RunError {
    RunError::retry(format!("the transaction of {} was not committed: {error}", call.label()))
}
