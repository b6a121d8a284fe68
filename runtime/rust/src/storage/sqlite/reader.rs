//! A connection for reading only, so that long reads do not delay the writer.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Result};

use super::database_file::DatabaseFile;
use crate::offload;

/// A connection that is opened when it is first used.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    file: Arc<DatabaseFile>,
    state: Arc<Mutex<State>>,
    /// Held while a caller reads, so that no more than one thread is blocked.
    turn: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Unused,
    Open(Connection),
    Closed,
}

impl Reader {
    pub(super) fn new(file: DatabaseFile) -> Self {
        Self { file: Arc::new(file), state: Arc::default(), turn: Arc::default() }
    }

    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Reads from one snapshot of the file, on another thread. Returns `None` if the storage was closed, or the file was
    /// deleted or replaced.
    pub(super) async fn read<T: Send + 'static>(
        self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<Option<T>> {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        offload::block(move || {
            let _turn = turn;
            self.read_now(work)
        })
        .await
    }

    fn read_now<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<Option<T>> {
        let mut state = self.lock();
        if self.file.was_replaced() {
            return Ok(None);
        }
        if matches!(*state, State::Unused) {
            *state = State::Open(self.open()?);
        }
        let State::Open(connection) = &mut *state else { return Ok(None) };
        // Ended without a commit, because there is nothing to write.
        let snapshot = connection.transaction()?;
        work(&snapshot).map(Some)
    }

    fn open(&self) -> Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(self.file.path(), flags)?;
        connection.busy_timeout(Duration::from_secs(1))?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(connection)
    }

    /// Waits for a read in progress and closes the connection. The writer, which closes its connection last, can then
    /// remove SQLite's other files.
    pub(super) fn close(&self) {
        *self.lock() = State::Closed;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
