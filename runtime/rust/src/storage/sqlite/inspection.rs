//! The [`Inspection`] of a SQLite file.

use std::path::Path;

use rusqlite::{Result, Transaction};

use super::super::inspection::{
    CallRow, ChannelQuery, ChannelSummary, HistoryQuery, HistoryRows, Inspection, Rows, RunDetailsRow,
    RunQuery, RunRow, SignalRow,
};
use super::super::{CallSite, StorageError, StorageFuture};
use super::{Messages, Reader, Sqlite};
use crate::clock::to_milliseconds;

pub(super) mod calls;
pub(super) mod channels;
pub(super) mod runs;

impl Sqlite {
    /// Reads from a snapshot of the file. A database in memory has no second connection, so the writer reads it.
    fn read<T: Send + 'static>(
        &self,
        work: impl Fn(&Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> StorageFuture<std::result::Result<T, StorageError>> {
        let Some(reader) = self.reader.clone() else {
            return self.submit(move |batch| work(batch.transaction));
        };
        Box::pin(async move {
            match reader.read(work).await {
                Ok(Some(result)) => Ok(result),
                Ok(None) => Err(StorageError::new(
                    "the storage was closed, or its file was deleted or replaced while it was open: restart the server",
                )),
                Err(error) => Err(StorageError::new(format!("failed to read the storage: {error}"))),
            }
        })
    }
}

impl Inspection for Sqlite {
    fn engine_name(&self) -> &'static str {
        "sqlite"
    }

    fn file(&self) -> Option<&Path> {
        self.reader.as_ref().map(Reader::path)
    }

    fn list_runs(
        &self,
        query: RunQuery,
    ) -> StorageFuture<std::result::Result<Rows<RunRow, i64>, StorageError>> {
        let now = to_milliseconds(self.storage_time());
        self.read(move |transaction| runs::list(transaction, &query, now))
    }

    fn read_run(
        &self,
        run_id: String,
    ) -> StorageFuture<std::result::Result<Option<RunDetailsRow>, StorageError>> {
        let now = to_milliseconds(self.storage_time());
        self.read(move |transaction| runs::read(transaction, &run_id, now))
    }

    fn list_calls(
        &self,
        run_id: String,
        after: Option<CallSite>,
        limit: usize,
    ) -> StorageFuture<std::result::Result<Option<Rows<CallRow, CallSite>>, StorageError>> {
        self.read(move |transaction| calls::list(transaction, &run_id, after.as_ref(), limit))
    }

    fn list_signals(
        &self,
        run_id: String,
        after: i64,
        limit: usize,
    ) -> StorageFuture<std::result::Result<Option<Rows<SignalRow, i64>>, StorageError>> {
        self.read(move |transaction| calls::list_signals(transaction, &run_id, after, limit))
    }

    fn list_channels(
        &self,
        query: ChannelQuery,
    ) -> StorageFuture<std::result::Result<Rows<ChannelSummary, String>, StorageError>> {
        self.read(move |transaction| channels::list(transaction, &query))
    }

    fn read_history(
        &self,
        query: HistoryQuery,
    ) -> StorageFuture<std::result::Result<Option<HistoryRows>, StorageError>> {
        self.read(move |transaction| channels::read_history(transaction, &query))
    }
}
