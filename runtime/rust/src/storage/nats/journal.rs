//! NATS has no journal: every call fails with an error that names the engines that do.

use std::time::SystemTime;

use super::super::{
    CallSite, CallStart, Claim, ClaimedRun, DecideOutcome, Decision, Entry, ExecutionEnd, Journal, NewChunk,
    NewQuestion, NewRun, NewSignal, OpenRunStream, QuestionState, RecordOutcome, RecordedCall, RerunEffect,
    RetryEffect, RunCounts, RunHandle, RunRecord, RunStream, SignalOutcome, StorageError, StorageFuture,
    WaitingEventBuilder, WakeEffect,
};
use super::Nats;

fn no_runs<T: Send + 'static>() -> StorageFuture<Result<T, StorageError>> {
    Box::pin(async {
        Err(StorageError::new(
            "NATS stores messages, but no runs and signals, because it cannot commit a message and a step at once: \
             set PostgreSQL or SQLite as the storage of servers that execute runs",
        ))
    })
}

impl Journal for Nats {
    fn recover_runs(&self, _: Vec<String>) -> StorageFuture<Result<(), StorageError>> {
        no_runs()
    }

    fn free_orphans(&self) -> StorageFuture<Result<(), StorageError>> {
        no_runs()
    }

    fn add_run(&self, _: NewRun, _: Entry) -> StorageFuture<Result<bool, StorageError>> {
        no_runs()
    }

    fn claim_runs(
        &self,
        _: Vec<String>,
        _: SystemTime,
        _: usize,
    ) -> StorageFuture<Result<Vec<ClaimedRun>, StorageError>> {
        no_runs()
    }

    fn make_due(&self, _: Vec<RunHandle>) -> StorageFuture<Result<(), StorageError>> {
        no_runs()
    }

    fn load_calls(&self, _: RunHandle) -> StorageFuture<Result<Vec<RecordedCall>, StorageError>> {
        no_runs()
    }

    fn extend_leases(&self, _: Vec<Claim>, _: SystemTime) -> StorageFuture<Result<Vec<Claim>, StorageError>> {
        no_runs()
    }

    fn find_valid_claims(&self, _: Vec<Claim>) -> StorageFuture<Result<Vec<Claim>, StorageError>> {
        no_runs()
    }

    fn release_runs(&self) -> StorageFuture<Result<(), StorageError>> {
        no_runs()
    }

    fn record_call(
        &self,
        _: Claim,
        _: RecordedCall,
        _: CallStart,
        _: Option<Entry>,
    ) -> StorageFuture<Result<RecordOutcome, StorageError>> {
        no_runs()
    }

    fn decide_fork(
        &self,
        _: Claim,
        _: Decision,
        _: WaitingEventBuilder,
    ) -> StorageFuture<Result<DecideOutcome, StorageError>> {
        no_runs()
    }

    fn begin_stream(
        &self,
        _: Claim,
        _: RecordedCall,
        _: CallStart,
        _: RunStream,
        _: Entry,
    ) -> StorageFuture<Result<RecordOutcome, StorageError>> {
        no_runs()
    }

    fn write_chunk(
        &self,
        _: Claim,
        _: NewChunk,
        _: Entry,
    ) -> StorageFuture<Result<RecordOutcome, StorageError>> {
        no_runs()
    }

    fn load_stream(
        &self,
        _: RunHandle,
        _: CallSite,
    ) -> StorageFuture<Result<Option<OpenRunStream>, StorageError>> {
        no_runs()
    }

    fn list_open_streams(&self, _: RunHandle) -> StorageFuture<Result<Vec<RunStream>, StorageError>> {
        no_runs()
    }

    fn end_stream(&self, _: String, _: Entry) -> StorageFuture<Result<(), StorageError>> {
        no_runs()
    }

    fn poll_question(
        &self,
        _: Claim,
        _: NewQuestion,
        _: WaitingEventBuilder,
    ) -> StorageFuture<Result<QuestionState, StorageError>> {
        no_runs()
    }

    fn end_execution(
        &self,
        _: Claim,
        _: ExecutionEnd,
        _: Option<Entry>,
    ) -> StorageFuture<Result<RecordOutcome, StorageError>> {
        no_runs()
    }

    fn cancel_run(&self, _: String, _: Option<Entry>) -> StorageFuture<Result<bool, StorageError>> {
        no_runs()
    }

    fn retry_run(
        &self,
        _: String,
        _: Entry,
        _: Vec<(String, Entry)>,
    ) -> StorageFuture<Result<RetryEffect, StorageError>> {
        no_runs()
    }

    fn wake_run(&self, _: String, _: Option<CallSite>) -> StorageFuture<Result<WakeEffect, StorageError>> {
        no_runs()
    }

    fn rerun(
        &self,
        _: String,
        _: u32,
        _: String,
        _: Entry,
    ) -> StorageFuture<Result<RerunEffect, StorageError>> {
        no_runs()
    }

    fn send_signal(&self, _: NewSignal) -> StorageFuture<Result<SignalOutcome, StorageError>> {
        no_runs()
    }

    fn find_run(&self, _: String) -> StorageFuture<Result<Option<RunRecord>, StorageError>> {
        no_runs()
    }

    fn delete_ended_runs(&self, _: SystemTime, _: usize) -> StorageFuture<Result<usize, StorageError>> {
        no_runs()
    }

    fn count_runs(&self) -> StorageFuture<Result<RunCounts, StorageError>> {
        no_runs()
    }
}
