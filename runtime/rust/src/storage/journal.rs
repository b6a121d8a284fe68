//! What a storage writes down of runs, so that they go on where they stopped.
//!
//! Whoever executes a run holds it under a fence, a number that rises with each new holder. Every
//! entry names its fence and is refused under an earlier one, so that of two processes that
//! believe they hold a run only one can write, whatever their clocks say.

use std::time::SystemTime;

use super::{Entry, Later, StorageError};
use crate::history::Key;
use crate::wire::MessageId;

/// A journal of runs.
pub(crate) trait Journal {
    /// Takes note that this process executes runs of these jobs. What was halted may go on, and what
    /// processes held that are gone is free.
    fn enter(&self, jobs: Vec<String>) -> Later<Result<(), StorageError>>;

    /// Adds a run with its first news. Tells whether there was none of its id.
    fn add(&self, run: NewRun, news: Entry) -> Later<Result<bool, StorageError>>;

    /// Takes hold of runs that are due and that nobody holds, until the lease ends.
    fn claim(
        &self,
        jobs: Vec<String>,
        lease: SystemTime,
        most: usize,
    ) -> Later<Result<Vec<Claimed>, StorageError>>;

    /// Extends the leases of those of these runs that this process still holds, and tells which.
    fn extend(&self, holds: Vec<Hold>, lease: SystemTime) -> Later<Result<Vec<Hold>, StorageError>>;

    /// Lets go of all runs that this process holds: others may take them at once.
    fn leave(&self) -> Later<Result<(), StorageError>>;

    /// Writes a step down, with the message that it publishes in the same transaction.
    fn record(&self, hold: Hold, step: Step, message: Option<Entry>)
    -> Later<Result<Recorded, StorageError>>;

    /// Waits for a signal: takes the one that is there, or notes until when the run waits.
    fn wait(&self, hold: Hold, wait: Wait) -> Later<Result<Waited, StorageError>>;

    /// Writes down how an execution ended, with its news.
    fn settle(&self, hold: Hold, end: End, news: Entry) -> Later<Result<Settled, StorageError>>;

    /// Cancels a run that has not ended. Whoever holds it does so no longer.
    fn cancel(&self, run_id: String, news: Entry) -> Later<Result<Settled, StorageError>>;

    /// Hands a signal to a run.
    fn signal(&self, signal: NewSignal) -> Later<Result<Signalled, StorageError>>;

    /// How a run stands.
    fn find(&self, run_id: String) -> Later<Result<Option<RunRecord>, StorageError>>;
}

/// A run that is to be executed.
#[derive(Clone)]
pub(crate) struct NewRun {
    pub(crate) run_id: String,
    pub(crate) job: String,
    pub(crate) channel: String,
    pub(crate) input: String,
}

/// A run in the hands of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Hold {
    pub(crate) row: i64,
    pub(crate) fence: i64,
}

/// A run that this process shall execute, and what it did before.
pub(crate) struct Claimed {
    pub(crate) hold: Hold,
    pub(crate) run: NewRun,
    /// How often in a row it failed without getting further.
    pub(crate) failures: u32,
    pub(crate) steps: Vec<Step>,
}

/// One step of a run, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Which of the run's calls it was.
    pub(crate) position: u32,
    pub(crate) key: String,
    pub(crate) kind: StepKind,
    /// JSON. Of a publish it is the id of the message, which the journal fills in.
    pub(crate) value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StepKind {
    Step,
    Publish,
    Sleep,
    Wait,
}

impl StepKind {
    pub(crate) const ALL: [Self; 4] = [Self::Step, Self::Publish, Self::Sleep, Self::Wait];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Publish => "publish",
            Self::Sleep => "sleep",
            Self::Wait => "wait",
        }
    }
}

pub(crate) enum Recorded {
    /// It stands; of a publish, with the message.
    Kept(Option<MessageId>),
    /// The run is in other hands, or has ended.
    Lost,
}

/// What a run waits for.
#[derive(Clone)]
pub(crate) struct Wait {
    pub(crate) position: u32,
    pub(crate) key: String,
    /// The signals that would do.
    pub(crate) names: Vec<String>,
    /// Until when, counted from its first call.
    pub(crate) until: SystemTime,
}

pub(crate) enum Waited {
    /// What is written down of the wait, in JSON: a [`WaitEnd`].
    Done(String),
    /// None came yet. Then it will have waited long enough.
    Until(SystemTime),
    Lost,
}

/// What came of a wait, as the journal has it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct WaitEnd {
    /// The signals that would have done.
    pub(crate) names: Vec<String>,
    /// The one that came; none where it took too long.
    pub(crate) taken: Option<Taken>,
}

/// A signal that a run has taken, as its journal has it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Taken {
    pub(crate) name: String,
    /// JSON.
    pub(crate) payload: String,
    pub(crate) by: Option<String>,
    /// When it was sent, in milliseconds since 1970.
    pub(crate) at: i64,
}

/// How an execution ended.
#[derive(Clone, Debug)]
pub(crate) enum End {
    /// With this result, in JSON.
    Completed(String),
    Failed(String),
    /// It is to be tried again.
    Retry {
        at: SystemTime,
        failures: u32,
    },
    /// Its code is another than the one that began it.
    Halted(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    Kept,
    /// The run is in other hands, or has ended.
    Lost,
}

/// A signal for a run.
#[derive(Clone)]
pub(crate) struct NewSignal {
    pub(crate) channel: String,
    /// Which run of the channel; the one that waits for longest without.
    pub(crate) run_id: Option<String>,
    pub(crate) name: String,
    /// JSON.
    pub(crate) payload: String,
    pub(crate) by: Option<String>,
    pub(crate) key: Option<Key>,
}

pub(crate) enum Signalled {
    Recorded { run_id: String, at: SystemTime },
    AlreadyTaken { by: Option<String>, at: SystemTime },
    TooLate,
    RunEnded,
    NoRun,
    KeyReused,
}

/// How a run stands.
#[derive(Clone, Debug)]
pub(crate) struct RunRecord {
    pub(crate) channel: String,
    pub(crate) state: String,
    pub(crate) steps: u32,
    /// The result, in JSON, or what went wrong.
    pub(crate) outcome: Option<String>,
}
