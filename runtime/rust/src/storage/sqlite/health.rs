//! Whether the storage works, and how long it waits for a file that another program has locked.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, Error, ErrorCode, Result};
use tokio::time::Instant;

use super::StorageError;

/// How long a transaction waits for a locked file.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// How long it waits after another transaction has waited in vain. Nothing is tried for as long after that, either.
const LITTLE_PATIENCE: Duration = Duration::from_millis(100);

/// How long a transaction may take before the storage is said to hang.
const HANGING: Duration = Duration::from_secs(15);

/// The outcome of the last transaction, as the writer reports it and others read it.
#[derive(Clone, Debug, Default)]
pub(super) struct Health(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    failure: Option<StorageError>,
    /// When the transaction began that has not ended yet.
    since: Option<Instant>,
}

impl Health {
    pub(super) fn get(&self) -> Result<(), StorageError> {
        let state = self.lock();
        if state.since.is_some_and(|since| since.elapsed() > HANGING) {
            let seconds = HANGING.as_secs();
            return Err(StorageError::new(format!("a transaction takes longer than {seconds} seconds")));
        }
        state.failure.clone().map_or(Ok(()), Err)
    }

    pub(super) fn set(&self, health: Result<(), StorageError>) {
        self.lock().failure = health.err();
    }

    /// Notes that a transaction begins.
    pub(super) fn begin(&self) {
        self.lock().since = Some(Instant::now());
    }

    /// Notes that it has ended, and returns how long it took.
    pub(super) fn end(&self) -> Duration {
        self.lock().since.take().map(|since| since.elapsed()).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long the next transaction waits if the file is locked. One transaction waits long; all that follow are
/// answered soon, however many they are.
#[derive(Default)]
pub(super) struct Patience {
    /// When the last transaction gave up, if none has succeeded since.
    locked: Option<(Instant, StorageError)>,
    /// How long the last transaction took. The next transaction's work has already waited that long.
    last: Duration,
}

impl Patience {
    /// Sets the connection's time limit for the next transaction.
    ///
    /// # Errors
    /// If a transaction has just given up. There is no use in trying again so soon.
    pub(super) fn begin(&self, connection: &Connection) -> Result<(), StorageError> {
        if let Some((since, error)) = &self.locked
            && since.elapsed() < LITTLE_PATIENCE
        {
            return Err(error.clone());
        }
        // Cannot fail: it only sets a field of the connection.
        let _ = connection.busy_timeout(self.limit());
        Ok(())
    }

    /// How long the next transaction waits, if it is tried at all.
    pub(super) fn limit(&self) -> Duration {
        let patience =
            if self.locked.is_some() { Duration::ZERO } else { PATIENCE.saturating_sub(self.last) };
        patience.max(LITTLE_PATIENCE)
    }

    pub(super) fn has_waited_in_vain(&mut self, error: &StorageError) {
        self.locked = Some((Instant::now(), error.clone()));
    }

    pub(super) fn has_succeeded(&mut self, took: Duration) {
        (self.locked, self.last) = (None, took);
    }
}

/// Returns whether an error says that another program has locked the file.
pub(super) fn is_locked(error: &Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Returns whether an error says something about the storage, and not only about what it was asked.
pub(super) fn is_failure(error: &Error) -> bool {
    error.sqlite_error_code().is_some_and(|code| code != ErrorCode::ConstraintViolation)
}
