//! The journal of runs, from which runs continue where they stopped.
//!
//! A process executes a run under a fence, a number that rises with each new claim. Every entry names its fence, and
//! is rejected if the fence is outdated. So if two processes believe that they hold a run, only one of them can write,
//! whatever their clocks say.

use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::recorded_call::{CallSite, RecordedCall};
use super::{Entry, StorageError, StorageFuture};
use crate::history::IdempotencyKey;
use crate::wire::MessageId;

/// The version of the journal's semantics: how calls are identified and replayed. Raise it when these change, even
/// if the tables of the engines do not.
pub(crate) const JOURNAL_VERSION: &str = "2";

/// A journal of runs.
pub(crate) trait Journal {
    /// Registers this process as one that executes runs of these jobs. Halted runs of these jobs
    /// become due.
    fn enter(&self, jobs: Vec<String>) -> StorageFuture<Result<(), StorageError>>;

    /// Frees the runs of processes that no longer exist, and counts a crash for each run.
    fn free_orphans(&self) -> StorageFuture<Result<(), StorageError>>;

    /// Adds a run with its first event. Returns `false` if there already is a run with this id.
    fn add(&self, run: NewRun, event: Entry) -> StorageFuture<Result<bool, StorageError>>;

    /// Claims at most `limit` runs that are due and that no process holds, with a lease until `lease`.
    fn claim(
        &self,
        jobs: Vec<String>,
        lease: SystemTime,
        limit: usize,
    ) -> StorageFuture<Result<Vec<ClaimedRun>, StorageError>>;

    /// Makes these runs due, except those that a process holds.
    fn make_due(&self, rows: Vec<i64>) -> StorageFuture<Result<(), StorageError>>;

    /// Returns the recorded calls of a run.
    fn load(&self, row: i64) -> StorageFuture<Result<Vec<RecordedCall>, StorageError>>;

    /// Extends the leases of the given runs that this process still holds, and returns those.
    fn extend(
        &self,
        claims: Vec<Claim>,
        lease: SystemTime,
    ) -> StorageFuture<Result<Vec<Claim>, StorageError>>;

    /// Returns the given runs that this process still holds.
    fn valid_claims(&self, claims: Vec<Claim>) -> StorageFuture<Result<Vec<Claim>, StorageError>>;

    /// Releases all runs that this process holds. Other processes may claim them at once.
    fn leave(&self) -> StorageFuture<Result<(), StorageError>>;

    /// Records the result of a call, and publishes its message in the same transaction.
    fn record(
        &self,
        claim: Claim,
        call: RecordedCall,
        message: Option<Entry>,
    ) -> StorageFuture<Result<Recorded, StorageError>>;

    /// Records the branch that decides a fork, and closes the questions of all others.
    fn decide(
        &self,
        claim: Claim,
        decision: Decision,
        event: RunEvent,
    ) -> StorageFuture<Result<Decided, StorageError>>;

    /// Begins a text stream with the call that writes it.
    fn begin_stream(
        &self,
        claim: Claim,
        call: RecordedCall,
        stream: RunStream,
        start: Entry,
    ) -> StorageFuture<Result<Recorded, StorageError>>;

    /// Records a chunk of a text stream with its message.
    fn write_stream(
        &self,
        claim: Claim,
        chunk: NewChunk,
        message: Entry,
    ) -> StorageFuture<Result<Recorded, StorageError>>;

    /// Returns the chunks of a text stream, or `None` if it has not begun.
    fn load_stream(
        &self,
        row: i64,
        site: CallSite,
    ) -> StorageFuture<Result<Option<Vec<String>>, StorageError>>;

    /// Returns the text streams of a run that have not ended.
    fn open_streams(&self, row: i64) -> StorageFuture<Result<Vec<RunStream>, StorageError>>;

    /// Ends a text stream that its run has abandoned, unless it has already ended.
    fn end_stream(&self, stream_id: String, end: Entry) -> StorageFuture<Result<(), StorageError>>;

    /// Asks a question, or checks whether it has been answered.
    fn wait(&self, claim: Claim, wait: Wait, event: RunEvent) -> StorageFuture<Result<Waited, StorageError>>;

    /// Records how an execution ended, with its event.
    fn settle(
        &self,
        claim: Claim,
        end: End,
        event: Option<Entry>,
    ) -> StorageFuture<Result<Settled, StorageError>>;

    /// Cancels an unfinished run, whichever process holds it. `event` is `None` if the run's channel is unknown.
    fn cancel(&self, run_id: String, event: Option<Entry>) -> StorageFuture<Result<Settled, StorageError>>;

    /// Delivers a signal to a run.
    fn signal(&self, signal: NewSignal) -> StorageFuture<Result<Signalled, StorageError>>;

    /// Returns the state of a run.
    fn find(&self, run_id: String) -> StorageFuture<Result<Option<RunRecord>, StorageError>>;

    /// Deletes at most `limit` runs that ended before a time, with all their data. Returns how many.
    fn delete_ended(&self, before: SystemTime, limit: usize) -> StorageFuture<Result<usize, StorageError>>;

    /// Counts the unfinished runs.
    fn count(&self) -> StorageFuture<Result<RunCounts, StorageError>>;
}

/// Builds the event that lists the questions a run asks now.
pub(crate) type RunEvent = Arc<dyn Fn(&[Question]) -> Entry + Send + Sync>;

/// A run to execute.
#[derive(Clone)]
pub(crate) struct NewRun {
    pub(crate) run_id: String,
    pub(crate) job: String,
    pub(crate) channel: String,
    pub(crate) input: String,
}

/// A claim on a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Claim {
    pub(crate) row: i64,
    pub(crate) fence: i64,
}

/// A run that this process has claimed.
pub(crate) struct ClaimedRun {
    pub(crate) claim: Claim,
    pub(crate) run: NewRun,
    /// How often in a row the job failed without recording anything new.
    pub(crate) failures: u32,
    /// How often in a row a process died while executing the run, without recording anything new.
    pub(crate) crashes: u32,
}

/// A text stream that a run writes.
#[derive(Clone, Debug)]
pub(crate) struct RunStream {
    pub(crate) site: CallSite,
    pub(crate) stream_id: String,
    pub(crate) channel: String,
    pub(crate) topic: String,
}

/// A chunk of a text stream.
#[derive(Clone, Debug)]
pub(crate) struct NewChunk {
    pub(crate) site: CallSite,
    /// The number of the chunk in its stream, from 1 on.
    pub(crate) number: u32,
    pub(crate) text: String,
}

pub(crate) enum Recorded {
    /// The entry was recorded. A publish returns the id of its message.
    Committed(Option<MessageId>),
    /// Another process holds the run, or the run has ended.
    Lost,
}

/// The decision of a fork.
#[derive(Clone)]
pub(crate) struct Decision {
    /// The journal entry of the fork.
    pub(crate) fork: RecordedCall,
    pub(crate) winner: u32,
    /// The branches that take precedence if they hold an accepted signal that they have not acted on.
    pub(crate) preferred: Vec<u32>,
    /// The calls in these branches that have not returned, so the job has not acted on their results.
    pub(crate) pending: Vec<CallSite>,
}

pub(crate) enum Decided {
    Committed,
    /// A branch that takes precedence holds an accepted signal.
    Contested,
    Lost,
}

/// A question to ask.
#[derive(Clone)]
pub(crate) struct Wait {
    pub(crate) site: CallSite,
    pub(crate) id: String,
    /// The signals that can answer.
    pub(crate) names: Vec<String>,
    /// When the question closes. Ignored once the question has been asked.
    pub(crate) until: SystemTime,
}

pub(crate) enum Waited {
    /// The question is closed. The value is a [`WaitEnd`] as JSON.
    Done(String),
    /// The question has no answer yet, and closes at this time.
    Until(SystemTime),
    Lost,
}

/// An open question.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) site: CallSite,
    pub(crate) names: Vec<String>,
}

/// The end of a question, as the journal records it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WaitEnd {
    /// The signals that could answer.
    pub(crate) names: Vec<String>,
    /// The answer, or `None` if there was none in time.
    pub(crate) taken: Option<Taken>,
    /// When the question was asked, in milliseconds since 1970.
    pub(crate) since: i64,
}

/// A signal that answered a question, as the journal records it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Taken {
    pub(crate) name: String,
    /// JSON.
    pub(crate) payload: String,
    pub(crate) by: Option<String>,
    /// When it arrived, in milliseconds since 1970.
    pub(crate) at: i64,
}

/// The end of an execution.
#[derive(Clone, Debug)]
pub(crate) enum End {
    /// With this result, in JSON.
    Completed(String),
    Failed(String),
    /// The job failed, and will be executed again.
    Retry {
        at: SystemTime,
        failures: u32,
    },
    /// Every branch waits for a time, a signal, or the retry of a step.
    Waiting {
        due: SystemTime,
    },
    /// The code no longer matches what the run recorded.
    Halted(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    Committed,
    /// Another process holds the run, or the run has ended.
    Lost,
}

/// A signal for a run.
#[derive(Clone)]
pub(crate) struct NewSignal {
    pub(crate) channel: String,
    /// The run that receives it; `None` for the one that has waited longest.
    pub(crate) run_id: Option<String>,
    /// The question that it answers; `None` for the one that has been open longest.
    pub(crate) question: Option<CallSite>,
    pub(crate) name: String,
    /// JSON.
    pub(crate) payload: String,
    pub(crate) by: Option<String>,
    pub(crate) key: Option<IdempotencyKey>,
    /// When it arrived. It never answers a question that was asked later.
    pub(crate) at: SystemTime,
}

pub(crate) enum Signalled {
    /// It answers an open question.
    Accepted {
        run_id: String,
        at: SystemTime,
    },
    /// The run has not asked for it yet.
    Kept {
        run_id: String,
        at: SystemTime,
    },
    AlreadyTaken(Taken),
    TooLate,
    RunEnded,
    NoRun,
    KeyReused,
}

/// The state of a run.
#[derive(Clone, Debug)]
pub(crate) struct RunRecord {
    pub(crate) row: i64,
    pub(crate) job: String,
    pub(crate) channel: String,
    pub(crate) input: String,
    pub(crate) state: String,
    /// The signals that the run waits for.
    pub(crate) waiting_for: Vec<String>,
    /// The result in JSON, or the error.
    pub(crate) outcome: Option<String>,
}

/// The number of runs per state, in all processes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RunCounts {
    /// Runs that a process executes.
    pub(crate) executing: u64,
    /// Runs that are due and that no process executes.
    pub(crate) due: u64,
    /// Runs that wait for a time, a signal or another attempt.
    pub(crate) waiting: u64,
    pub(crate) halted: u64,
    /// When the run that has been due longest became due.
    pub(crate) oldest_due: Option<SystemTime>,
}
