//! The journal of a storage in memory, which keeps no runs yet.

use std::time::SystemTime;

use super::super::{
    CallSite, CallStart, Claim, ClaimedRun, DecideOutcome, Decision, Entry, ExecutionEnd, Journal, NewChunk,
    NewQuestion, NewRun, NewSignal, OpenRunStream, QuestionState, RecordOutcome, RecordedCall, RerunEffect,
    RetryEffect, RunCounts, RunHandle, RunRecord, RunStream, SignalOutcome, StorageError, StorageFuture,
    WaitingEventBuilder, WakeEffect,
};
use super::Memory;

fn refuse<T: Send + 'static>() -> StorageFuture<Result<T, StorageError>> {
    Box::pin(async { Err(StorageError::new("a storage in memory keeps no runs")) })
}

impl Journal for Memory {
    fn keeps_runs(&self) -> bool {
        false
    }

    fn recover_runs(&self, _: Vec<String>) -> StorageFuture<Result<(), StorageError>> {
        refuse()
    }

    fn free_orphans(&self) -> StorageFuture<Result<(), StorageError>> {
        refuse()
    }

    fn add_run(&self, _: NewRun, _: Entry) -> StorageFuture<Result<bool, StorageError>> {
        refuse()
    }

    fn claim_runs(
        &self,
        _: Vec<String>,
        _: SystemTime,
        _: usize,
    ) -> StorageFuture<Result<Vec<ClaimedRun>, StorageError>> {
        refuse()
    }

    fn make_due(&self, _: Vec<RunHandle>) -> StorageFuture<Result<(), StorageError>> {
        refuse()
    }

    fn load_calls(&self, _: RunHandle) -> StorageFuture<Result<Vec<RecordedCall>, StorageError>> {
        refuse()
    }

    fn extend_leases(&self, _: Vec<Claim>, _: SystemTime) -> StorageFuture<Result<Vec<Claim>, StorageError>> {
        refuse()
    }

    fn find_valid_claims(&self, _: Vec<Claim>) -> StorageFuture<Result<Vec<Claim>, StorageError>> {
        refuse()
    }

    fn release_runs(&self) -> StorageFuture<Result<(), StorageError>> {
        refuse()
    }

    fn record_call(
        &self,
        _: Claim,
        _: RecordedCall,
        _: CallStart,
        _: Option<Entry>,
    ) -> StorageFuture<Result<RecordOutcome, StorageError>> {
        refuse()
    }

    fn decide_fork(
        &self,
        _: Claim,
        _: Decision,
        _: WaitingEventBuilder,
    ) -> StorageFuture<Result<DecideOutcome, StorageError>> {
        refuse()
    }

    fn begin_stream(
        &self,
        _: Claim,
        _: RecordedCall,
        _: CallStart,
        _: RunStream,
        _: Entry,
    ) -> StorageFuture<Result<RecordOutcome, StorageError>> {
        refuse()
    }

    fn write_chunk(
        &self,
        _: Claim,
        _: NewChunk,
        _: Entry,
    ) -> StorageFuture<Result<RecordOutcome, StorageError>> {
        refuse()
    }

    fn load_stream(
        &self,
        _: RunHandle,
        _: CallSite,
    ) -> StorageFuture<Result<Option<OpenRunStream>, StorageError>> {
        refuse()
    }

    fn list_open_streams(&self, _: RunHandle) -> StorageFuture<Result<Vec<RunStream>, StorageError>> {
        refuse()
    }

    fn end_stream(&self, _: String, _: Entry) -> StorageFuture<Result<(), StorageError>> {
        refuse()
    }

    fn poll_question(
        &self,
        _: Claim,
        _: NewQuestion,
        _: WaitingEventBuilder,
    ) -> StorageFuture<Result<QuestionState, StorageError>> {
        refuse()
    }

    fn end_execution(
        &self,
        _: Claim,
        _: ExecutionEnd,
        _: Option<Entry>,
    ) -> StorageFuture<Result<RecordOutcome, StorageError>> {
        refuse()
    }

    fn cancel_run(&self, _: String, _: Option<Entry>) -> StorageFuture<Result<bool, StorageError>> {
        refuse()
    }

    fn retry_run(
        &self,
        _: String,
        _: Entry,
        _: Vec<(String, Entry)>,
    ) -> StorageFuture<Result<RetryEffect, StorageError>> {
        refuse()
    }

    fn wake_run(&self, _: String, _: Option<CallSite>) -> StorageFuture<Result<WakeEffect, StorageError>> {
        refuse()
    }

    fn rerun(
        &self,
        _: String,
        _: u32,
        _: String,
        _: Entry,
    ) -> StorageFuture<Result<RerunEffect, StorageError>> {
        refuse()
    }

    fn send_signal(&self, _: NewSignal) -> StorageFuture<Result<SignalOutcome, StorageError>> {
        refuse()
    }

    fn find_run(&self, _: String) -> StorageFuture<Result<Option<RunRecord>, StorageError>> {
        refuse()
    }

    fn delete_ended_runs(&self, _: SystemTime, _: usize) -> StorageFuture<Result<usize, StorageError>> {
        refuse()
    }

    fn count_runs(&self) -> StorageFuture<Result<RunCounts, StorageError>> {
        refuse()
    }
}
