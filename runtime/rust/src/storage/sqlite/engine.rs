//! SQLite as a journal: each call is work for the writer's next transaction.

use std::time::SystemTime;

use super::super::{
    Claimed, Decided, Decision, End, Entry, Hold, Journal, Later, NewRun, NewSignal, Recorded, RunCounts,
    RunEvent, RunRecord, Settled, Signalled, Step, StorageError, Wait, Waited,
};
use super::{Sqlite, journal, signals};

impl Journal for Sqlite {
    fn enter(&self, jobs: Vec<String>) -> Later<Result<(), StorageError>> {
        self.ask(move |batch| journal::enter(batch, &jobs))
    }

    fn free_orphans(&self) -> Later<Result<(), StorageError>> {
        self.ask(move |batch| journal::free_orphans(batch.transaction))
    }

    fn add(&self, run: NewRun, event: Entry) -> Later<Result<bool, StorageError>> {
        self.ask(move |batch| journal::add(batch, &run, &event))
    }

    fn claim(
        &self,
        jobs: Vec<String>,
        lease: SystemTime,
        limit: usize,
    ) -> Later<Result<Vec<Claimed>, StorageError>> {
        let owner = self.owner;
        self.ask(move |batch| journal::claim(batch.transaction, owner, &jobs, lease, limit))
    }

    fn load(&self, row: i64) -> Later<Result<Vec<Step>, StorageError>> {
        self.ask(move |batch| journal::load(batch.transaction, row))
    }

    fn extend(&self, holds: Vec<Hold>, lease: SystemTime) -> Later<Result<Vec<Hold>, StorageError>> {
        let owner = self.owner;
        self.ask(move |batch| journal::extend(batch.transaction, owner, &holds, lease))
    }

    fn held(&self, holds: Vec<Hold>) -> Later<Result<Vec<Hold>, StorageError>> {
        self.ask(move |batch| journal::held(batch.transaction, &holds))
    }

    fn leave(&self) -> Later<Result<(), StorageError>> {
        let owner = self.owner;
        self.ask(move |batch| journal::release(batch.transaction, owner))
    }

    fn record(
        &self,
        hold: Hold,
        step: Step,
        message: Option<Entry>,
    ) -> Later<Result<Recorded, StorageError>> {
        self.ask(move |batch| journal::record(batch, hold, &step, message.as_ref()))
    }

    fn decide(
        &self,
        hold: Hold,
        decision: Decision,
        event: RunEvent,
    ) -> Later<Result<Decided, StorageError>> {
        self.ask(move |batch| journal::decide(batch, hold, &decision, &event))
    }

    fn wait(&self, hold: Hold, wait: Wait, event: RunEvent) -> Later<Result<Waited, StorageError>> {
        self.ask(move |batch| journal::wait(batch, hold, &wait, &event))
    }

    fn settle(&self, hold: Hold, end: End, event: Option<Entry>) -> Later<Result<Settled, StorageError>> {
        self.ask(move |batch| journal::settle(batch, hold, &end, event.as_ref()))
    }

    fn cancel(&self, run_id: String, event: Entry) -> Later<Result<Settled, StorageError>> {
        self.ask(move |batch| journal::cancel(batch, &run_id, &event))
    }

    fn signal(&self, signal: NewSignal) -> Later<Result<Signalled, StorageError>> {
        self.ask(move |batch| signals::send(batch.transaction, &signal))
    }

    fn find(&self, run_id: String) -> Later<Result<Option<RunRecord>, StorageError>> {
        self.ask(move |batch| journal::find(batch.transaction, &run_id))
    }

    fn delete_ended(&self, before: SystemTime, limit: usize) -> Later<Result<usize, StorageError>> {
        self.ask(move |batch| journal::delete_ended(batch.transaction, before, limit))
    }

    fn count(&self) -> Later<Result<RunCounts, StorageError>> {
        self.ask(move |batch| journal::count(batch.transaction))
    }
}
