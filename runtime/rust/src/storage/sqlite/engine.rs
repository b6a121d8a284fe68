//! SQLite as a journal: each call is work for the writer's next transaction.

use std::time::SystemTime;

use super::super::{
    CallSite, Claimed, Decided, Decision, End, Entry, Hold, Journal, Later, NewPiece, NewRun, NewSignal,
    Recorded, RunCounts, RunEvent, RunRecord, RunStream, Settled, Signalled, Step, StorageError, Wait,
    Waited,
};
use super::{Sqlite, journal, questions, signals, streams};

impl Journal for Sqlite {
    fn enter(&self, jobs: Vec<String>) -> Later<Result<(), StorageError>> {
        self.ask(move |batch| journal::enter(batch, &jobs))
    }

    fn free_orphans(&self) -> Later<Result<(), StorageError>> {
        self.ask(move |batch| journal::free_orphans(batch))
    }

    fn add(&self, run: NewRun, event: Entry) -> Later<Result<bool, StorageError>> {
        let bytes = run.input.len() + event.frame.len();
        self.ask_unless_busy(bytes, move |batch| journal::add(batch, &run, &event))
    }

    fn claim(
        &self,
        jobs: Vec<String>,
        lease: SystemTime,
        limit: usize,
    ) -> Later<Result<Vec<Claimed>, StorageError>> {
        let owner = self.known.owner;
        self.ask(move |batch| journal::claim(batch, owner, &jobs, lease, limit))
    }

    fn make_due(&self, rows: Vec<i64>) -> Later<Result<(), StorageError>> {
        self.ask(move |batch| journal::make_due(batch, &rows))
    }

    fn load(&self, row: i64) -> Later<Result<Vec<Step>, StorageError>> {
        self.ask(move |batch| journal::load(batch.transaction, row))
    }

    fn extend(&self, holds: Vec<Hold>, lease: SystemTime) -> Later<Result<Vec<Hold>, StorageError>> {
        let owner = self.known.owner;
        self.ask(move |batch| journal::extend(batch.transaction, owner, &holds, lease))
    }

    fn held(&self, holds: Vec<Hold>) -> Later<Result<Vec<Hold>, StorageError>> {
        self.ask(move |batch| journal::held(batch.transaction, &holds))
    }

    fn leave(&self) -> Later<Result<(), StorageError>> {
        let owner = self.known.owner;
        self.ask(move |batch| journal::release(batch.transaction, owner))
    }

    fn record(
        &self,
        hold: Hold,
        step: Step,
        message: Option<Entry>,
    ) -> Later<Result<Recorded, StorageError>> {
        let bytes = step.outcome.len() + message.as_ref().map_or(0, |message| message.frame.len());
        let waiting = self.queue.enter_always(bytes);
        self.ask_in_queue(waiting, move |batch| journal::record(batch, hold, &step, message.as_ref()))
    }

    fn decide(
        &self,
        hold: Hold,
        decision: Decision,
        event: RunEvent,
    ) -> Later<Result<Decided, StorageError>> {
        self.ask(move |batch| questions::decide(batch, hold, &decision, &event))
    }

    fn begin_stream(
        &self,
        hold: Hold,
        step: Step,
        stream: RunStream,
        start: Entry,
    ) -> Later<Result<Recorded, StorageError>> {
        self.ask(move |batch| streams::begin(batch, hold, &step, &stream, &start))
    }

    fn write_stream(
        &self,
        hold: Hold,
        piece: NewPiece,
        message: Entry,
    ) -> Later<Result<Recorded, StorageError>> {
        let waiting = self.queue.enter_always(piece.text.len() + message.frame.len());
        self.ask_in_queue(waiting, move |batch| streams::write_piece(batch, hold, &piece, &message))
    }

    fn load_stream(&self, row: i64, site: CallSite) -> Later<Result<Option<Vec<String>>, StorageError>> {
        self.ask(move |batch| streams::load(batch.transaction, row, &site))
    }

    fn open_streams(&self, row: i64) -> Later<Result<Vec<RunStream>, StorageError>> {
        self.ask(move |batch| streams::open(batch.transaction, row))
    }

    fn end_stream(&self, stream_id: String, end: Entry) -> Later<Result<(), StorageError>> {
        self.ask(move |batch| streams::end(batch, &stream_id, &end))
    }

    fn wait(&self, hold: Hold, wait: Wait, event: RunEvent) -> Later<Result<Waited, StorageError>> {
        self.ask(move |batch| questions::wait(batch, hold, &wait, &event))
    }

    fn settle(&self, hold: Hold, end: End, event: Option<Entry>) -> Later<Result<Settled, StorageError>> {
        self.ask(move |batch| journal::settle(batch, hold, &end, event.as_ref()))
    }

    fn cancel(&self, run_id: String, event: Option<Entry>) -> Later<Result<Settled, StorageError>> {
        self.ask(move |batch| journal::cancel(batch, &run_id, event.as_ref()))
    }

    fn signal(&self, signal: NewSignal) -> Later<Result<Signalled, StorageError>> {
        self.ask_unless_busy(signal.payload.len(), move |batch| signals::send(batch, &signal))
    }

    fn find(&self, run_id: String) -> Later<Result<Option<RunRecord>, StorageError>> {
        self.ask(move |batch| journal::find(batch.transaction, &run_id))
    }

    fn delete_ended(&self, before: SystemTime, limit: usize) -> Later<Result<usize, StorageError>> {
        self.ask(move |batch| journal::delete_ended(batch.transaction, before, limit))
    }

    fn count(&self) -> Later<Result<RunCounts, StorageError>> {
        self.ask(move |batch| journal::count(batch))
    }
}
