//! A transaction that writes. The one of `rusqlite` parses `BEGIN` and `COMMIT` each time, which takes as long as an
//! insert.

use std::ops::Deref;

use rusqlite::{Connection, Result};

/// An open transaction. Rolled back when dropped.
pub(super) struct Transaction<'c>(&'c Connection);

impl<'c> Transaction<'c> {
    /// Begins a transaction, and keeps other processes from writing until it ends.
    pub(super) fn begin(connection: &'c Connection) -> Result<Self> {
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        Ok(Self(connection))
    }

    pub(super) fn commit(self) -> Result<()> {
        self.prepare_cached("COMMIT")?.execute([]).map(drop)
    }
}

impl Deref for Transaction<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.0
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        // A commit has ended it, and so have some errors.
        if !self.is_autocommit()
            && let Err(error) = self.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "failed to roll back a transaction");
        }
    }
}
