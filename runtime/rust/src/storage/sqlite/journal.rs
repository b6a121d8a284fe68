//! The [`Journal`] of a SQLite file: each call is work for the writer's next transaction.

use std::time::SystemTime;

use super::super::{
    CallSite, Claim, ClaimedRun, Decided, Decision, End, Entry, Journal, NewChunk, NewRun, NewSignal,
    Recorded, RecordedCall, RunCounts, RunEvent, RunRecord, RunStream, Settled, Signalled, StorageError,
    StorageFuture, Wait, Waited,
};
use super::{Sqlite, questions, runs, signals, streams};

impl Journal for Sqlite {
    fn enter(&self, jobs: Vec<String>) -> StorageFuture<Result<(), StorageError>> {
        self.submit(move |batch| runs::enter(batch, &jobs))
    }

    fn free_orphans(&self) -> StorageFuture<Result<(), StorageError>> {
        self.submit(move |batch| runs::free_orphans(batch))
    }

    fn add(&self, run: NewRun, event: Entry) -> StorageFuture<Result<bool, StorageError>> {
        let bytes = run.input.len() + event.frame.len();
        self.submit_unless_busy(bytes, move |batch| runs::add(batch, &run, &event))
    }

    fn claim(
        &self,
        jobs: Vec<String>,
        lease: SystemTime,
        limit: usize,
    ) -> StorageFuture<Result<Vec<ClaimedRun>, StorageError>> {
        let owner = self.info.owner;
        self.submit(move |batch| runs::claim(batch, owner, &jobs, lease, limit))
    }

    fn make_due(&self, rows: Vec<i64>) -> StorageFuture<Result<(), StorageError>> {
        self.submit(move |batch| runs::make_due(batch, &rows))
    }

    fn load(&self, row: i64) -> StorageFuture<Result<Vec<RecordedCall>, StorageError>> {
        self.submit(move |batch| runs::load(batch.transaction, row))
    }

    fn extend(
        &self,
        claims: Vec<Claim>,
        lease: SystemTime,
    ) -> StorageFuture<Result<Vec<Claim>, StorageError>> {
        let owner = self.info.owner;
        self.submit(move |batch| runs::extend(batch.transaction, owner, &claims, lease))
    }

    fn valid_claims(&self, claims: Vec<Claim>) -> StorageFuture<Result<Vec<Claim>, StorageError>> {
        self.submit(move |batch| runs::valid_claims(batch.transaction, &claims))
    }

    fn leave(&self) -> StorageFuture<Result<(), StorageError>> {
        let owner = self.info.owner;
        self.submit(move |batch| runs::release(batch.transaction, owner))
    }

    fn record(
        &self,
        claim: Claim,
        call: RecordedCall,
        message: Option<Entry>,
    ) -> StorageFuture<Result<Recorded, StorageError>> {
        let bytes = call.outcome.len() + message.as_ref().map_or(0, |message| message.frame.len());
        let waiting = self.queue.reserve(bytes);
        self.submit_reserved(waiting, move |batch| runs::record(batch, claim, &call, message.as_ref()))
    }

    fn decide(
        &self,
        claim: Claim,
        decision: Decision,
        event: RunEvent,
    ) -> StorageFuture<Result<Decided, StorageError>> {
        self.submit(move |batch| questions::decide(batch, claim, &decision, &event))
    }

    fn begin_stream(
        &self,
        claim: Claim,
        call: RecordedCall,
        stream: RunStream,
        start: Entry,
    ) -> StorageFuture<Result<Recorded, StorageError>> {
        self.submit(move |batch| streams::begin(batch, claim, &call, &stream, &start))
    }

    fn write_stream(
        &self,
        claim: Claim,
        chunk: NewChunk,
        message: Entry,
    ) -> StorageFuture<Result<Recorded, StorageError>> {
        let waiting = self.queue.reserve(chunk.text.len() + message.frame.len());
        self.submit_reserved(waiting, move |batch| streams::write_chunk(batch, claim, &chunk, &message))
    }

    fn load_stream(
        &self,
        row: i64,
        site: CallSite,
    ) -> StorageFuture<Result<Option<Vec<String>>, StorageError>> {
        self.submit(move |batch| streams::load(batch.transaction, row, &site))
    }

    fn open_streams(&self, row: i64) -> StorageFuture<Result<Vec<RunStream>, StorageError>> {
        self.submit(move |batch| streams::open(batch.transaction, row))
    }

    fn end_stream(&self, stream_id: String, end: Entry) -> StorageFuture<Result<(), StorageError>> {
        self.submit(move |batch| streams::end(batch, &stream_id, &end))
    }

    fn wait(&self, claim: Claim, wait: Wait, event: RunEvent) -> StorageFuture<Result<Waited, StorageError>> {
        self.submit(move |batch| questions::wait(batch, claim, &wait, &event))
    }

    fn settle(
        &self,
        claim: Claim,
        end: End,
        event: Option<Entry>,
    ) -> StorageFuture<Result<Settled, StorageError>> {
        self.submit(move |batch| runs::settle(batch, claim, &end, event.as_ref()))
    }

    fn cancel(&self, run_id: String, event: Option<Entry>) -> StorageFuture<Result<Settled, StorageError>> {
        self.submit(move |batch| runs::cancel(batch, &run_id, event.as_ref()))
    }

    fn signal(&self, signal: NewSignal) -> StorageFuture<Result<Signalled, StorageError>> {
        self.submit_unless_busy(signal.payload.len(), move |batch| signals::send(batch, &signal))
    }

    fn find(&self, run_id: String) -> StorageFuture<Result<Option<RunRecord>, StorageError>> {
        self.submit(move |batch| runs::find(batch.transaction, &run_id))
    }

    fn delete_ended(&self, before: SystemTime, limit: usize) -> StorageFuture<Result<usize, StorageError>> {
        self.submit(move |batch| runs::delete_ended(batch.transaction, before, limit))
    }

    fn count(&self) -> StorageFuture<Result<RunCounts, StorageError>> {
        self.submit(move |batch| runs::count(batch))
    }
}
