//! The [`Inspection`] of a PostgreSQL database.

use std::path::Path;

use super::super::inspection::{
    CallRow, ChannelQuery, ChannelSummary, HistoryQuery, HistoryRows, Inspection, Rows, RunDetailsRow,
    RunQuery, RunRow, SignalRow,
};
use super::super::{CallSite, StorageError, StorageFuture};
use super::Postgres;

fn unsupported<T: Send + 'static>() -> StorageFuture<Result<T, StorageError>> {
    Box::pin(async { Err(StorageError::new("inspection is not supported in PostgreSQL yet")) })
}

impl Inspection for Postgres {
    fn engine_name(&self) -> &'static str {
        "postgres"
    }

    fn file(&self) -> Option<&Path> {
        None
    }

    fn list_runs(&self, _: RunQuery) -> StorageFuture<Result<Rows<RunRow, i64>, StorageError>> {
        unsupported()
    }

    fn read_run(&self, _: String) -> StorageFuture<Result<Option<RunDetailsRow>, StorageError>> {
        unsupported()
    }

    fn list_calls(
        &self,
        _: String,
        _: Option<CallSite>,
        _: usize,
    ) -> StorageFuture<Result<Option<Rows<CallRow, CallSite>>, StorageError>> {
        unsupported()
    }

    fn list_signals(
        &self,
        _: String,
        _: i64,
        _: usize,
    ) -> StorageFuture<Result<Option<Rows<SignalRow, i64>>, StorageError>> {
        unsupported()
    }

    fn list_channels(
        &self,
        _: ChannelQuery,
    ) -> StorageFuture<Result<Rows<ChannelSummary, String>, StorageError>> {
        unsupported()
    }

    fn read_history(&self, _: HistoryQuery) -> StorageFuture<Result<Option<HistoryRows>, StorageError>> {
        unsupported()
    }
}
