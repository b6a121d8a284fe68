//! The [`Inspection`] of a SQLite file.

use std::path::Path;

use rusqlite::{Connection, Result};

use super::super::inspection::{
    CallRow, ChannelQuery, ChannelSummary, HistoryQuery, HistoryRows, Inspection, Rows, RunDetailsRow,
    RunQuery, RunRow, SignalRow,
};
use super::super::sql::inspection::channels::StoredFrame;
use super::super::sql::inspection::{calls, channels, runs};
use super::super::{CallSite, StorageError, StorageFuture};
use super::statements::{Statements, finish};
use super::{Messages, Reader, Sqlite};
use crate::clock::to_milliseconds;
use crate::wire::{MessageId, with_id};

const FIND_CHANNEL: &str = "SELECT id, life FROM channels WHERE name = ?1";

impl Sqlite {
    /// Reads from a snapshot of the file. A database in memory has no second connection, so the writer reads it.
    fn read<T: Send + 'static>(
        &self,
        work: impl Fn(&Connection) -> Result<T> + Send + 'static,
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
        self.read(move |transaction| finish(runs::list(&mut Statements(transaction), &query, now)))
    }

    fn read_run(
        &self,
        run_id: String,
    ) -> StorageFuture<std::result::Result<Option<RunDetailsRow>, StorageError>> {
        let now = to_milliseconds(self.storage_time());
        self.read(move |transaction| finish(runs::read(&mut Statements(transaction), &run_id, now)))
    }

    fn list_calls(
        &self,
        run_id: String,
        after: Option<CallSite>,
        limit: usize,
    ) -> StorageFuture<std::result::Result<Option<Rows<CallRow, CallSite>>, StorageError>> {
        self.read(move |transaction| {
            finish(calls::list(&mut Statements(transaction), &run_id, after.as_ref(), limit))
        })
    }

    fn list_signals(
        &self,
        run_id: String,
        after: i64,
        limit: usize,
    ) -> StorageFuture<std::result::Result<Option<Rows<SignalRow, i64>>, StorageError>> {
        self.read(move |transaction| {
            finish(calls::list_signals(&mut Statements(transaction), &run_id, after, limit))
        })
    }

    fn list_channels(
        &self,
        query: ChannelQuery,
    ) -> StorageFuture<std::result::Result<Rows<ChannelSummary, String>, StorageError>> {
        self.read(move |transaction| finish(channels::list(&mut Statements(transaction), &query)))
    }

    fn read_history(
        &self,
        query: HistoryQuery,
    ) -> StorageFuture<std::result::Result<Option<HistoryRows>, StorageError>> {
        self.read(move |transaction| {
            finish(channels::read_history(&mut Statements(transaction), &query, FIND_CHANNEL, |stored| {
                let StoredFrame { epoch, offset, frame, .. } = stored;
                // An epoch of 0 has no ids: the frames keep those of the previous epoch.
                if epoch == 0 { frame } else { with_id(frame, MessageId::new(epoch, offset)) }
            }))
        })
    }
}
