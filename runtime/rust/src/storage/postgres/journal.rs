//! The [`Journal`] of a PostgreSQL database.

use std::time::SystemTime;

use super::super::{
    CallSite, CallStart, Claim, ClaimedRun, DecideOutcome, Decision, Entry, ExecutionEnd, Journal, NewChunk,
    NewQuestion, NewRun, NewSignal, OpenRunStream, QuestionState, RecordOutcome, RecordedCall, RerunEffect,
    RetryEffect, RunCounts, RunHandle, RunRecord, RunStream, SignalOutcome, StorageError, StorageFuture,
    WaitingEventBuilder, WakeEffect,
};
use super::Postgres;

fn unsupported<T: Send + 'static>() -> StorageFuture<Result<T, StorageError>> {
    Box::pin(async { Err(StorageError::new("runs are not supported in PostgreSQL yet")) })
}

impl Journal for Postgres {
    fn recover_runs(&self, _: Vec<String>) -> StorageFuture<Result<(), StorageError>> {
        unsupported()
    }

    fn free_orphans(&self) -> StorageFuture<Result<(), StorageError>> {
        unsupported()
    }

    fn add_run(&self, _: NewRun, _: Entry) -> StorageFuture<Result<bool, StorageError>> {
        unsupported()
    }

    fn claim_runs(
        &self,
        _: Vec<String>,
        _: SystemTime,
        _: usize,
    ) -> StorageFuture<Result<Vec<ClaimedRun>, StorageError>> {
        unsupported()
    }

    fn make_due(&self, _: Vec<RunHandle>) -> StorageFuture<Result<(), StorageError>> {
        unsupported()
    }

    fn load_calls(&self, _: RunHandle) -> StorageFuture<Result<Vec<RecordedCall>, StorageError>> {
        unsupported()
    }

    fn extend_leases(&self, _: Vec<Claim>, _: SystemTime) -> StorageFuture<Result<Vec<Claim>, StorageError>> {
        unsupported()
    }

    fn find_valid_claims(&self, _: Vec<Claim>) -> StorageFuture<Result<Vec<Claim>, StorageError>> {
        unsupported()
    }

    fn release_runs(&self) -> StorageFuture<Result<(), StorageError>> {
        unsupported()
    }

    fn record_call(
        &self,
        _: Claim,
        _: RecordedCall,
        _: CallStart,
        _: Option<Entry>,
    ) -> StorageFuture<Result<RecordOutcome, StorageError>> {
        unsupported()
    }

    fn decide_fork(
        &self,
        _: Claim,
        _: Decision,
        _: WaitingEventBuilder,
    ) -> StorageFuture<Result<DecideOutcome, StorageError>> {
        unsupported()
    }

    fn begin_stream(
        &self,
        _: Claim,
        _: RecordedCall,
        _: CallStart,
        _: RunStream,
        _: Entry,
    ) -> StorageFuture<Result<RecordOutcome, StorageError>> {
        unsupported()
    }

    fn write_chunk(
        &self,
        _: Claim,
        _: NewChunk,
        _: Entry,
    ) -> StorageFuture<Result<RecordOutcome, StorageError>> {
        unsupported()
    }

    fn load_stream(
        &self,
        _: RunHandle,
        _: CallSite,
    ) -> StorageFuture<Result<Option<OpenRunStream>, StorageError>> {
        unsupported()
    }

    fn list_open_streams(&self, _: RunHandle) -> StorageFuture<Result<Vec<RunStream>, StorageError>> {
        unsupported()
    }

    fn end_stream(&self, _: String, _: Entry) -> StorageFuture<Result<(), StorageError>> {
        unsupported()
    }

    fn poll_question(
        &self,
        _: Claim,
        _: NewQuestion,
        _: WaitingEventBuilder,
    ) -> StorageFuture<Result<QuestionState, StorageError>> {
        unsupported()
    }

    fn end_execution(
        &self,
        _: Claim,
        _: ExecutionEnd,
        _: Option<Entry>,
    ) -> StorageFuture<Result<RecordOutcome, StorageError>> {
        unsupported()
    }

    fn cancel_run(&self, _: String, _: Option<Entry>) -> StorageFuture<Result<bool, StorageError>> {
        unsupported()
    }

    fn retry_run(
        &self,
        _: String,
        _: Entry,
        _: Vec<(String, Entry)>,
    ) -> StorageFuture<Result<RetryEffect, StorageError>> {
        unsupported()
    }

    fn wake_run(&self, _: String, _: Option<CallSite>) -> StorageFuture<Result<WakeEffect, StorageError>> {
        unsupported()
    }

    fn rerun(
        &self,
        _: String,
        _: u32,
        _: String,
        _: Entry,
    ) -> StorageFuture<Result<RerunEffect, StorageError>> {
        unsupported()
    }

    fn send_signal(&self, _: NewSignal) -> StorageFuture<Result<SignalOutcome, StorageError>> {
        unsupported()
    }

    fn find_run(&self, _: String) -> StorageFuture<Result<Option<RunRecord>, StorageError>> {
        unsupported()
    }

    fn delete_ended_runs(&self, _: SystemTime, _: usize) -> StorageFuture<Result<usize, StorageError>> {
        unsupported()
    }

    fn count_runs(&self) -> StorageFuture<Result<RunCounts, StorageError>> {
        unsupported()
    }
}
