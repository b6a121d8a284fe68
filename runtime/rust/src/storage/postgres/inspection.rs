//! The [`Inspection`] of a PostgreSQL database.

use std::path::Path;

use super::super::inspection::{
    CallRow, ChannelQuery, ChannelSummary, HistoryQuery, HistoryRows, Inspection, Rows, RunDetailsRow,
    RunQuery, RunRow, SignalRow,
};
use super::super::journal::rows::JournalTransaction;
use super::super::sql::inspection::channels::StoredFrame;
use super::super::sql::inspection::{calls, channels, runs};
use super::super::{CallSite, StorageError, StorageFuture};
use super::Postgres;
use crate::clock::from_milliseconds;
use crate::wire::{MessageId, stamped};

const FIND_CHANNEL: &str = "SELECT id, epoch FROM channels WHERE name = ?1";

impl Inspection for Postgres {
    fn engine_name(&self) -> &'static str {
        "postgres"
    }

    fn file(&self) -> Option<&Path> {
        None
    }

    fn list_runs(&self, query: RunQuery) -> StorageFuture<Result<Rows<RunRow, i64>, StorageError>> {
        self.transact(query, |sql, query| {
            let now = sql.now();
            Box::pin(runs::list(sql, query, now))
        })
    }

    fn read_run(&self, run_id: String) -> StorageFuture<Result<Option<RunDetailsRow>, StorageError>> {
        self.transact(run_id, |sql, run_id| {
            let now = sql.now();
            Box::pin(runs::read(sql, run_id, now))
        })
    }

    fn list_calls(
        &self,
        run_id: String,
        after: Option<CallSite>,
        limit: usize,
    ) -> StorageFuture<Result<Option<Rows<CallRow, CallSite>>, StorageError>> {
        self.transact((run_id, after, limit), |sql, (run_id, after, limit)| {
            Box::pin(calls::list(sql, run_id, after.as_ref(), *limit))
        })
    }

    fn list_signals(
        &self,
        run_id: String,
        after: i64,
        limit: usize,
    ) -> StorageFuture<Result<Option<Rows<SignalRow, i64>>, StorageError>> {
        self.transact((run_id, after, limit), |sql, (run_id, after, limit)| {
            Box::pin(calls::list_signals(sql, run_id, *after, *limit))
        })
    }

    fn list_channels(
        &self,
        query: ChannelQuery,
    ) -> StorageFuture<Result<Rows<ChannelSummary, String>, StorageError>> {
        self.transact(query, |sql, query| Box::pin(channels::list(sql, query)))
    }

    fn read_history(&self, query: HistoryQuery) -> StorageFuture<Result<Option<HistoryRows>, StorageError>> {
        self.transact(query, |sql, query| {
            Box::pin(channels::read_history(sql, query, FIND_CHANNEL, |stored| {
                let StoredFrame { epoch, offset, published, frame } = stored;
                stamped(frame, MessageId::new(epoch, offset), from_milliseconds(published))
            }))
        })
    }
}
