//! The health of the storage, and how long to wait for a locked file.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, Error, ErrorCode, Result};
use tokio::time::Instant;

use super::StorageError;

/// How long a transaction waits for a locked file.
pub(super) const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// After a lock timeout, transactions fail immediately for this long. Later ones wait only this long for the lock,
/// until one succeeds.
const SHORT_LOCK_TIMEOUT: Duration = Duration::from_millis(100);

/// How long a transaction may take before the storage is reported as hanging.
const HANG_THRESHOLD: Duration = Duration::from_secs(15);

/// The outcome of the last transaction. The writer sets it, other threads read it.
#[derive(Clone, Debug, Default)]
pub(super) struct Health(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    failure: Option<StorageError>,
    /// When the current transaction began.
    begun_at: Option<Instant>,
}

impl Health {
    pub(super) fn get(&self) -> Result<(), StorageError> {
        let state = self.lock();
        if state.begun_at.is_some_and(|begun_at| begun_at.elapsed() > HANG_THRESHOLD) {
            let seconds = HANG_THRESHOLD.as_secs();
            return Err(StorageError::new(format!(
                "a transaction has been running for more than {seconds} seconds"
            )));
        }
        state.failure.clone().map_or(Ok(()), Err)
    }

    pub(super) fn set(&self, health: Result<(), StorageError>) {
        self.lock().failure = health.err();
    }

    /// Records that a transaction begins.
    pub(super) fn begin(&self) {
        self.lock().begun_at = Some(Instant::now());
    }

    /// Records that the transaction has ended, and returns how long it took.
    pub(super) fn end(&self) -> Duration {
        self.lock().begun_at.take().map(|begun_at| begun_at.elapsed()).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The time limit for a locked file. One transaction waits long; those that follow fail soon, however many there are.
#[derive(Default)]
pub(super) struct LockTimeout {
    /// When the last transaction timed out, and its error. `None` once another has succeeded.
    timed_out: Option<(Instant, StorageError)>,
    /// How long the last transaction took. The work of the next one has already waited that long.
    last_duration: Duration,
}

impl LockTimeout {
    /// Sets the time limit for the next transaction.
    ///
    /// # Errors
    /// If a transaction has just timed out. Trying again so soon is useless.
    pub(super) fn begin(&self, connection: &Connection) -> Result<(), StorageError> {
        if let Some((since, error)) = &self.timed_out
            && since.elapsed() < SHORT_LOCK_TIMEOUT
        {
            return Err(error.clone());
        }
        // Cannot fail: it only sets a field of the connection.
        let _ = connection.busy_timeout(self.limit());
        Ok(())
    }

    /// Returns how long the next transaction waits, if it is tried at all.
    pub(super) fn limit(&self) -> Duration {
        let lock_timeout = if self.timed_out.is_some() {
            Duration::ZERO
        } else {
            LOCK_TIMEOUT.saturating_sub(self.last_duration)
        };
        lock_timeout.max(SHORT_LOCK_TIMEOUT)
    }

    pub(super) fn record_timeout(&mut self, error: &StorageError) {
        self.timed_out = Some((Instant::now(), error.clone()));
    }

    pub(super) fn record_success(&mut self, took: Duration) {
        (self.timed_out, self.last_duration) = (None, took);
    }
}

/// Returns whether an error means that another program has locked the file.
pub(super) fn is_locked(error: &Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Returns whether an error is about the storage itself, and not only about the request.
pub(super) fn is_failure(error: &Error) -> bool {
    error.sqlite_error_code().is_some_and(|code| code != ErrorCode::ConstraintViolation)
}
