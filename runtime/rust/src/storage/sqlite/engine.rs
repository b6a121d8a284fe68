//! What SQLite does as a journal: each call is work for the writer's next transaction.

use std::time::SystemTime;

use super::super::{
    Claimed, End, Entry, Hold, Journal, Later, NewRun, NewSignal, Recorded, RunRecord, Settled, Signalled,
    Step, StorageError, Wait, Waited,
};
use super::{Sqlite, journal, signals};

impl Journal for Sqlite {
    fn enter(&self, jobs: Vec<String>) -> Later<Result<(), StorageError>> {
        self.ask(move |batch| journal::enter(batch, &jobs))
    }

    fn add(&self, run: NewRun, news: Entry) -> Later<Result<bool, StorageError>> {
        self.ask(move |batch| journal::add(batch, &run, &news))
    }

    fn claim(
        &self,
        jobs: Vec<String>,
        lease: SystemTime,
        most: usize,
    ) -> Later<Result<Vec<Claimed>, StorageError>> {
        let owner = self.owner;
        self.ask(move |batch| journal::claim(batch.transaction, owner, &jobs, lease, most))
    }

    fn extend(&self, holds: Vec<Hold>, lease: SystemTime) -> Later<Result<Vec<Hold>, StorageError>> {
        let owner = self.owner;
        self.ask(move |batch| journal::extend(batch.transaction, owner, &holds, lease))
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

    fn wait(&self, hold: Hold, wait: Wait) -> Later<Result<Waited, StorageError>> {
        self.ask(move |batch| journal::wait(batch.transaction, hold, &wait))
    }

    fn settle(&self, hold: Hold, end: End, news: Entry) -> Later<Result<Settled, StorageError>> {
        self.ask(move |batch| journal::settle(batch, hold, &end, &news))
    }

    fn cancel(&self, run_id: String, news: Entry) -> Later<Result<Settled, StorageError>> {
        self.ask(move |batch| journal::cancel(batch, &run_id, &news))
    }

    fn signal(&self, signal: NewSignal) -> Later<Result<Signalled, StorageError>> {
        self.ask(move |batch| signals::send(batch.transaction, &signal))
    }

    fn find(&self, run_id: String) -> Later<Result<Option<RunRecord>, StorageError>> {
        self.ask(move |batch| journal::find(batch.transaction, &run_id))
    }
}
