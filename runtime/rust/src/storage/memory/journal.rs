//! The journal of runs in memory. A transaction is the lock of all runs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use futures_util::FutureExt;

use super::super::journal::rows::{JournalTransaction, StreamRows};
use super::super::journal::{calls, claims, forks, questions, rerun, retry, runs, signals, streams, wake};
use super::super::{
    CallSite, CallStart, Claim, ClaimedRun, DecideOutcome, Decision, Entry, ExecutionEnd, Journal, NewChunk,
    NewQuestion, NewRun, NewSignal, OpenRunStream, QuestionState, RecordOutcome, RecordedCall, RerunEffect,
    RetryEffect, RunCounts, RunHandle, RunRecord, RunStream, SignalOutcome, StorageError, StorageFuture,
    WaitingEventBuilder, WakeEffect,
};
use super::{Memory, Shared};
use crate::clock::to_milliseconds;
use crate::wire::MessageId;

mod call_rows;
mod inspection;
mod run_rows;
mod state;

use state::State;

/// The runs of a storage in memory.
#[derive(Clone, Default)]
pub(super) struct MemoryJournal(Arc<Mutex<State>>);

impl MemoryJournal {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that a process has ended. Another one frees its runs.
    pub(super) fn mark_ended(&self, owner: u32) {
        self.lock().ended_processes.insert(owner);
    }
}

/// Exclusive access to all runs. A method that fails has written nothing, and the rules call those that can fail first:
/// there is no way to undo a write.
pub(super) struct Transaction<'s> {
    state: MutexGuard<'s, State>,
    shared: &'s Shared,
}

impl JournalTransaction for Transaction<'_> {
    type Failure = StorageError;

    fn now(&self) -> i64 {
        to_milliseconds(self.shared.now())
    }

    async fn append(&mut self, entry: &Entry) -> Result<Option<MessageId>, StorageError> {
        let appended = self.shared.append(entry.clone());
        // Another hub of this process may have redefined the channel. The run continues without the message.
        Ok(appended.ok().filter(|appended| !appended.repeated).map(|appended| appended.id))
    }

    async fn lock_signals(&mut self, _: &str) -> Result<(), StorageError> {
        Ok(())
    }

    async fn remove_ended_processes(&mut self) -> Result<Vec<u32>, StorageError> {
        Ok(std::mem::take(&mut self.state.ended_processes).into_iter().collect())
    }
}

impl Memory {
    /// Executes work, which never waits for anything.
    fn transact<T: Send + 'static>(
        &self,
        work: impl AsyncFnOnce(&mut Transaction<'_>) -> Result<T, StorageError>,
    ) -> StorageFuture<Result<T, StorageError>> {
        let mut transaction = Transaction { state: self.shared.journal.lock(), shared: &self.shared };
        let done = work(&mut transaction).now_or_never();
        let done = done.unwrap_or_else(|| Err(StorageError::new("the work has not ended")));
        Box::pin(async { done })
    }
}

impl Journal for Memory {
    fn recover_runs(&self, jobs: Vec<String>) -> StorageFuture<Result<(), StorageError>> {
        self.transact(async |rows| claims::recover(rows, &jobs).await)
    }

    fn free_orphans(&self) -> StorageFuture<Result<(), StorageError>> {
        self.transact(async |rows| claims::free_orphans(rows).await)
    }

    fn add_run(&self, run: NewRun, event: Entry) -> StorageFuture<Result<bool, StorageError>> {
        self.transact(async |rows| runs::add(rows, &run, &event).await)
    }

    fn claim_runs(
        &self,
        jobs: Vec<String>,
        lease: SystemTime,
        limit: usize,
    ) -> StorageFuture<Result<Vec<ClaimedRun>, StorageError>> {
        let owner = self.owner;
        self.transact(async move |rows| claims::claim(rows, owner, &jobs, lease, limit).await)
    }

    fn make_due(&self, runs: Vec<RunHandle>) -> StorageFuture<Result<(), StorageError>> {
        self.transact(async |rows| claims::make_due(rows, &runs).await)
    }

    fn load_calls(&self, run: RunHandle) -> StorageFuture<Result<Vec<RecordedCall>, StorageError>> {
        self.transact(async |rows| calls::load(rows, run).await)
    }

    fn extend_leases(
        &self,
        claims: Vec<Claim>,
        lease: SystemTime,
    ) -> StorageFuture<Result<Vec<Claim>, StorageError>> {
        let owner = self.owner;
        self.transact(async move |rows| claims::extend(rows, owner, &claims, lease).await)
    }

    fn find_valid_claims(&self, claims: Vec<Claim>) -> StorageFuture<Result<Vec<Claim>, StorageError>> {
        self.transact(async |rows| claims::find_valid(rows, &claims).await)
    }

    fn release_runs(&self) -> StorageFuture<Result<(), StorageError>> {
        let owner = self.owner;
        self.transact(async move |rows| claims::release(rows, owner).await)
    }

    fn record_call(
        &self,
        claim: Claim,
        call: RecordedCall,
        start: CallStart,
        message: Option<Entry>,
    ) -> StorageFuture<Result<RecordOutcome, StorageError>> {
        self.transact(async |rows| calls::record(rows, claim, &call, &start, message.as_ref()).await)
    }

    fn decide_fork(
        &self,
        claim: Claim,
        decision: Decision,
        event: WaitingEventBuilder,
    ) -> StorageFuture<Result<DecideOutcome, StorageError>> {
        self.transact(async |rows| forks::decide(rows, claim, &decision, &event).await)
    }

    fn begin_stream(
        &self,
        claim: Claim,
        call: RecordedCall,
        start: CallStart,
        stream: RunStream,
        message: Entry,
    ) -> StorageFuture<Result<RecordOutcome, StorageError>> {
        self.transact(async |rows| streams::begin(rows, claim, &call, &start, &stream, &message).await)
    }

    fn write_chunk(
        &self,
        claim: Claim,
        chunk: NewChunk,
        message: Entry,
    ) -> StorageFuture<Result<RecordOutcome, StorageError>> {
        self.transact(async |rows| streams::write_chunk(rows, claim, &chunk, &message).await)
    }

    fn load_stream(
        &self,
        run: RunHandle,
        site: CallSite,
    ) -> StorageFuture<Result<Option<OpenRunStream>, StorageError>> {
        self.transact(async |rows| streams::load(rows, run, &site).await)
    }

    fn list_open_streams(&self, run: RunHandle) -> StorageFuture<Result<Vec<RunStream>, StorageError>> {
        self.transact(async |rows| rows.list_streams(run).await)
    }

    fn end_stream(&self, stream_id: String, end: Entry) -> StorageFuture<Result<(), StorageError>> {
        self.transact(async |rows| streams::end(rows, &stream_id, &end).await)
    }

    fn poll_question(
        &self,
        claim: Claim,
        question: NewQuestion,
        event: WaitingEventBuilder,
    ) -> StorageFuture<Result<QuestionState, StorageError>> {
        self.transact(async |rows| questions::poll(rows, claim, &question, &event).await)
    }

    fn end_execution(
        &self,
        claim: Claim,
        end: ExecutionEnd,
        event: Option<Entry>,
    ) -> StorageFuture<Result<RecordOutcome, StorageError>> {
        self.transact(async |rows| runs::end_execution(rows, claim, &end, event.as_ref()).await)
    }

    fn cancel_run(&self, run_id: String, event: Option<Entry>) -> StorageFuture<Result<bool, StorageError>> {
        self.transact(async |rows| runs::cancel(rows, &run_id, event.as_ref()).await)
    }

    fn retry_run(
        &self,
        run_id: String,
        event: Entry,
        stream_ends: Vec<(String, Entry)>,
    ) -> StorageFuture<Result<RetryEffect, StorageError>> {
        self.transact(async |rows| retry::retry(rows, &run_id, &event, &stream_ends).await)
    }

    fn wake_run(
        &self,
        run_id: String,
        site: Option<CallSite>,
    ) -> StorageFuture<Result<WakeEffect, StorageError>> {
        self.transact(async |rows| wake::wake(rows, &run_id, site.as_ref()).await)
    }

    fn rerun(
        &self,
        run_id: String,
        position: u32,
        new_run_id: String,
        event: Entry,
    ) -> StorageFuture<Result<RerunEffect, StorageError>> {
        self.transact(async |rows| rerun::rerun(rows, &run_id, position, &new_run_id, &event).await)
    }

    fn send_signal(&self, signal: NewSignal) -> StorageFuture<Result<SignalOutcome, StorageError>> {
        self.transact(async |rows| signals::send(rows, &signal).await)
    }

    fn find_run(&self, run_id: String) -> StorageFuture<Result<Option<RunRecord>, StorageError>> {
        self.transact(async |rows| runs::find(rows, &run_id).await)
    }

    fn delete_ended_runs(
        &self,
        before: SystemTime,
        limit: usize,
    ) -> StorageFuture<Result<usize, StorageError>> {
        self.transact(async |rows| runs::delete_ended(rows, before, limit).await)
    }

    fn count_runs(&self) -> StorageFuture<Result<RunCounts, StorageError>> {
        self.transact(async |rows| runs::count(rows).await)
    }
}
