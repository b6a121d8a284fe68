//! The [`Journal`] of a SQLite file: each call is work for the writer's next transaction.

use std::time::SystemTime;

use super::super::journal::rows::StreamRows;
use super::super::journal::{calls, claims, forks, questions, rerun, retry, runs, signals, streams, wake};
use super::super::{
    CallSite, CallStart, Claim, ClaimedRun, DecideOutcome, Decision, Entry, ExecutionEnd, Journal, NewChunk,
    NewQuestion, NewRun, NewSignal, OpenRunStream, QuestionState, RecordOutcome, RecordedCall, RerunEffect,
    RetryEffect, RunCounts, RunHandle, RunRecord, RunStream, SignalOutcome, StorageError, StorageFuture,
    WaitingEventBuilder, WakeEffect,
};
use super::batch::Batch;
use super::statements::finish;
use super::{Sqlite, keep};

impl Journal for Sqlite {
    fn recover_runs(&self, jobs: Vec<String>) -> StorageFuture<Result<(), StorageError>> {
        self.submit(move |batch| finish(claims::recover(batch, &jobs)))
    }

    fn free_orphans(&self) -> StorageFuture<Result<(), StorageError>> {
        self.submit(move |batch| finish(claims::free_orphans(batch)))
    }

    fn add_run(&self, run: NewRun, event: Entry) -> StorageFuture<Result<bool, StorageError>> {
        let bytes = run.input.len() + event.frame.len();
        self.submit_unless_busy(bytes, move |batch| finish(runs::add(batch, &run, &event)))
    }

    fn claim_runs(
        &self,
        jobs: Vec<String>,
        lease: SystemTime,
        limit: usize,
    ) -> StorageFuture<Result<Vec<ClaimedRun>, StorageError>> {
        let owner = self.info.owner.get();
        self.submit(move |batch| finish(claims::claim(batch, owner, &jobs, lease, limit)))
    }

    fn make_due(&self, runs: Vec<RunHandle>) -> StorageFuture<Result<(), StorageError>> {
        self.submit(move |batch| finish(claims::make_due(batch, &runs)))
    }

    fn load_calls(&self, run: RunHandle) -> StorageFuture<Result<Vec<RecordedCall>, StorageError>> {
        self.submit(move |batch| finish(calls::load(batch, run)))
    }

    fn extend_leases(
        &self,
        claims: Vec<Claim>,
        lease: SystemTime,
    ) -> StorageFuture<Result<Vec<Claim>, StorageError>> {
        let owner = self.info.owner.get();
        self.submit(move |batch| finish(claims::extend(batch, owner, &claims, lease)))
    }

    fn find_valid_claims(&self, claims: Vec<Claim>) -> StorageFuture<Result<Vec<Claim>, StorageError>> {
        self.submit(move |batch| finish(claims::find_valid(batch, &claims)))
    }

    fn release_runs(&self) -> StorageFuture<Result<(), StorageError>> {
        let owner = self.info.owner.get();
        self.submit(move |batch| finish(claims::release(batch, owner)))
    }

    fn record_call(
        &self,
        claim: Claim,
        call: RecordedCall,
        start: CallStart,
        message: Option<Entry>,
    ) -> StorageFuture<Result<RecordOutcome, StorageError>> {
        let bytes = call.outcome.len() + message.as_ref().map_or(0, |message| message.frame.len());
        let waiting = self.queue.reserve(bytes);
        let work =
            move |batch: &mut Batch<'_>| finish(calls::record(batch, claim, &call, &start, message.as_ref()));
        self.submit_short(bytes, keep(waiting, work))
    }

    fn decide_fork(
        &self,
        claim: Claim,
        decision: Decision,
        event: WaitingEventBuilder,
    ) -> StorageFuture<Result<DecideOutcome, StorageError>> {
        self.submit(move |batch| finish(forks::decide(batch, claim, &decision, &event)))
    }

    fn begin_stream(
        &self,
        claim: Claim,
        call: RecordedCall,
        start: CallStart,
        stream: RunStream,
        message: Entry,
    ) -> StorageFuture<Result<RecordOutcome, StorageError>> {
        self.submit(move |batch| finish(streams::begin(batch, claim, &call, &start, &stream, &message)))
    }

    fn write_chunk(
        &self,
        claim: Claim,
        chunk: NewChunk,
        message: Entry,
    ) -> StorageFuture<Result<RecordOutcome, StorageError>> {
        let bytes = chunk.text.len() + message.frame.len();
        let waiting = self.queue.reserve(bytes);
        let work = move |batch: &mut Batch<'_>| finish(streams::write_chunk(batch, claim, &chunk, &message));
        self.submit_short(bytes, keep(waiting, work))
    }

    fn load_stream(
        &self,
        run: RunHandle,
        site: CallSite,
    ) -> StorageFuture<Result<Option<OpenRunStream>, StorageError>> {
        self.submit(move |batch| finish(streams::load(batch, run, &site)))
    }

    fn list_open_streams(&self, run: RunHandle) -> StorageFuture<Result<Vec<RunStream>, StorageError>> {
        self.submit(move |batch| finish(batch.list_streams(run)))
    }

    fn end_stream(&self, stream_id: String, end: Entry) -> StorageFuture<Result<(), StorageError>> {
        self.submit(move |batch| finish(streams::end(batch, &stream_id, &end)))
    }

    fn poll_question(
        &self,
        claim: Claim,
        question: NewQuestion,
        event: WaitingEventBuilder,
    ) -> StorageFuture<Result<QuestionState, StorageError>> {
        self.submit(move |batch| finish(questions::poll(batch, claim, &question, &event)))
    }

    fn end_execution(
        &self,
        claim: Claim,
        end: ExecutionEnd,
        event: Option<Entry>,
    ) -> StorageFuture<Result<RecordOutcome, StorageError>> {
        self.submit(move |batch| finish(runs::end_execution(batch, claim, &end, event.as_ref())))
    }

    fn cancel_run(&self, run_id: String, event: Option<Entry>) -> StorageFuture<Result<bool, StorageError>> {
        self.submit(move |batch| finish(runs::cancel(batch, &run_id, event.as_ref())))
    }

    fn retry_run(
        &self,
        run_id: String,
        event: Entry,
        stream_ends: Vec<(String, Entry)>,
    ) -> StorageFuture<Result<RetryEffect, StorageError>> {
        self.submit(move |batch| finish(retry::retry(batch, &run_id, &event, &stream_ends)))
    }

    fn wake_run(
        &self,
        run_id: String,
        site: Option<CallSite>,
    ) -> StorageFuture<Result<WakeEffect, StorageError>> {
        self.submit(move |batch| finish(wake::wake(batch, &run_id, site.as_ref())))
    }

    fn rerun(
        &self,
        run_id: String,
        position: u32,
        new_run_id: String,
        event: Entry,
    ) -> StorageFuture<Result<RerunEffect, StorageError>> {
        self.submit(move |batch| finish(rerun::rerun(batch, &run_id, position, &new_run_id, &event)))
    }

    fn send_signal(&self, signal: NewSignal) -> StorageFuture<Result<SignalOutcome, StorageError>> {
        self.submit_unless_busy(signal.payload.len(), move |batch| finish(signals::send(batch, &signal)))
    }

    fn find_run(&self, run_id: String) -> StorageFuture<Result<Option<RunRecord>, StorageError>> {
        self.submit(move |batch| finish(runs::find(batch, &run_id)))
    }

    fn delete_ended_runs(
        &self,
        before: SystemTime,
        limit: usize,
    ) -> StorageFuture<Result<usize, StorageError>> {
        self.submit(move |batch| finish(runs::delete_ended(batch, before, limit)))
    }

    fn count_runs(&self) -> StorageFuture<Result<RunCounts, StorageError>> {
        self.submit(move |batch| finish(runs::count(batch)))
    }
}
