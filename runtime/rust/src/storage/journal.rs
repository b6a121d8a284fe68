//! The journal of runs, from which runs continue where they stopped.
//!
//! A process executes a run under a fence, a number that rises with each claim. Every write of a run names the fence,
//! and is rejected if the fence is outdated. So if two processes believe that they hold a run, only one of them can
//! write, whatever their clocks say.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::recorded_call::{CallSite, CallStart, RecordedCall};
use super::{Entry, StorageError, StorageFuture};
use crate::history::IdempotencyKey;
use crate::wire::MessageId;

pub(super) mod calls;
pub(super) mod claims;
pub(super) mod forks;
mod lost_branches;
pub(super) mod questions;
pub(super) mod rerun;
pub(super) mod retry;
pub(super) mod rows;
pub(super) mod runs;
pub(super) mod signals;
pub(super) mod streams;
pub(super) mod wake;

/// The version of the journal's semantics: how calls are identified and replayed. Raise it when these change, even
/// if the tables of the engines do not.
pub(crate) const JOURNAL_VERSION: &str = "2";

/// A journal of runs.
pub(crate) trait Journal {
    /// Adds a listener for runs that another process has made due. It may be called on any thread, and although no run is
    /// due. An engine without notifications ignores it, because processes also poll for due runs.
    fn follow_due_runs(&self, _: OnDueRuns) {}

    /// Recovers runs when a process starts: makes halted runs of these jobs due, because the process may have the code
    /// that they need, and frees orphans.
    fn recover_runs(&self, jobs: Vec<String>) -> StorageFuture<Result<(), StorageError>>;

    /// Frees the runs of processes that no longer exist, and counts a crash for each run.
    fn free_orphans(&self) -> StorageFuture<Result<(), StorageError>>;

    /// Adds a run with its first event. Returns `false` if there already is a run with this id.
    fn add_run(&self, run: NewRun, event: Entry) -> StorageFuture<Result<bool, StorageError>>;

    /// Claims at most `limit` runs that are due and that no process holds, with a lease until `lease`.
    fn claim_runs(
        &self,
        jobs: Vec<String>,
        lease: SystemTime,
        limit: usize,
    ) -> StorageFuture<Result<Vec<ClaimedRun>, StorageError>>;

    /// Makes these runs due, except those that a process holds.
    fn make_due(&self, runs: Vec<RunHandle>) -> StorageFuture<Result<(), StorageError>>;

    /// Returns the recorded calls of a run.
    fn load_calls(&self, run: RunHandle) -> StorageFuture<Result<Vec<RecordedCall>, StorageError>>;

    /// Extends the leases of the given runs that this process still holds, and returns their claims.
    fn extend_leases(
        &self,
        claims: Vec<Claim>,
        lease: SystemTime,
    ) -> StorageFuture<Result<Vec<Claim>, StorageError>>;

    /// Returns the given claims that are still valid.
    fn find_valid_claims(&self, claims: Vec<Claim>) -> StorageFuture<Result<Vec<Claim>, StorageError>>;

    /// Releases all runs that this process holds. Other processes may claim them at once.
    fn release_runs(&self) -> StorageFuture<Result<(), StorageError>>;

    /// Records the result of a call, and publishes its message in the same transaction.
    fn record_call(
        &self,
        claim: Claim,
        call: RecordedCall,
        start: CallStart,
        message: Option<Entry>,
    ) -> StorageFuture<Result<RecordOutcome, StorageError>>;

    /// Records the branch that decides a fork, and closes the questions of all others.
    fn decide_fork(
        &self,
        claim: Claim,
        decision: Decision,
        event: WaitingEventBuilder,
    ) -> StorageFuture<Result<DecideOutcome, StorageError>>;

    /// Begins a text stream with the call that writes it.
    fn begin_stream(
        &self,
        claim: Claim,
        call: RecordedCall,
        start: CallStart,
        stream: RunStream,
        message: Entry,
    ) -> StorageFuture<Result<RecordOutcome, StorageError>>;

    /// Records a chunk of a text stream with its message.
    fn write_chunk(
        &self,
        claim: Claim,
        chunk: NewChunk,
        message: Entry,
    ) -> StorageFuture<Result<RecordOutcome, StorageError>>;

    /// Returns the id and the chunks of an open text stream, or `None` if the call has none.
    fn load_stream(
        &self,
        run: RunHandle,
        site: CallSite,
    ) -> StorageFuture<Result<Option<OpenRunStream>, StorageError>>;

    /// Returns the text streams of a run that have not ended.
    fn list_open_streams(&self, run: RunHandle) -> StorageFuture<Result<Vec<RunStream>, StorageError>>;

    /// Ends a text stream that its run has abandoned, unless it has already ended.
    fn end_stream(&self, stream_id: String, end: Entry) -> StorageFuture<Result<(), StorageError>>;

    /// Asks a question unless the run has asked it before, and returns its state. Closes it if it is answered or its
    /// time is over.
    fn poll_question(
        &self,
        claim: Claim,
        question: NewQuestion,
        event: WaitingEventBuilder,
    ) -> StorageFuture<Result<QuestionState, StorageError>>;

    /// Records how an execution ended, with its event, and releases the run.
    fn end_execution(
        &self,
        claim: Claim,
        end: ExecutionEnd,
        event: Option<Entry>,
    ) -> StorageFuture<Result<RecordOutcome, StorageError>>;

    /// Cancels a run, whichever process holds it. Returns `false` if the run has already ended. `event` is `None` if
    /// the run's channel is unknown.
    fn cancel_run(&self, run_id: String, event: Option<Entry>) -> StorageFuture<Result<bool, StorageError>>;

    /// Makes a failed or halted run continue from its journal. A failed run's open text streams are ended by the given
    /// messages.
    fn retry_run(
        &self,
        run_id: String,
        event: Entry,
        stream_ends: Vec<(String, Entry)>,
    ) -> StorageFuture<Result<RetryEffect, StorageError>>;

    /// Ends the sleeps of a run and the delays before its next attempts, or only the one at a site.
    fn wake_run(
        &self,
        run_id: String,
        site: Option<CallSite>,
    ) -> StorageFuture<Result<WakeEffect, StorageError>>;

    /// Adds a run that begins with the calls that another run had recorded before the call of the job at `position`.
    fn rerun(
        &self,
        run_id: String,
        position: u32,
        new_run_id: String,
        event: Entry,
    ) -> StorageFuture<Result<RerunEffect, StorageError>>;

    /// Delivers a signal to a run.
    fn send_signal(&self, signal: NewSignal) -> StorageFuture<Result<SignalOutcome, StorageError>>;

    /// Returns a run, or `None` if no run has this id.
    fn find_run(&self, run_id: String) -> StorageFuture<Result<Option<RunRecord>, StorageError>>;

    /// Deletes at most `limit` runs that ended before a time, with all their data. Returns how many.
    fn delete_ended_runs(
        &self,
        before: SystemTime,
        limit: usize,
    ) -> StorageFuture<Result<usize, StorageError>>;

    /// Counts the unfinished runs.
    fn count_runs(&self) -> StorageFuture<Result<RunCounts, StorageError>>;
}

/// Receives which runs another process has made due.
pub(crate) type OnDueRuns = Box<dyn Fn(DueRuns<'_>) + Send + Sync>;

/// Runs that may be due.
#[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "only PostgreSQL notifies other processes"))]
#[derive(Clone, Copy, Debug)]
pub(crate) enum DueRuns<'c> {
    Any,
    /// A signal has arrived for a run on this channel, which a process may be executing.
    OfSignal {
        channel: &'c str,
    },
}

/// The effect of retrying a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RetryEffect {
    Retried,
    /// The run has not ended and is not halted.
    Unfinished,
    /// The run completed or was cancelled.
    NotFailed,
    NoRun,
}

/// The effect of waking a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WakeEffect {
    /// This many sleeps and delays were ended.
    Woken(usize),
    /// A process holds the run.
    Executing,
    NotSleeping,
    NoRun,
}

/// The effect of running a job again from a call on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RerunEffect {
    New,
    /// The run with the new id is the same rerun.
    Existing,
    /// Another run has the new id.
    RunExists,
    /// Nothing is recorded at the position.
    NoCall,
    /// This earlier call has not ended.
    UnfinishedCall(CallSite),
    NoRun,
}

/// Builds the event that lists the questions a run asks now.
pub(crate) type WaitingEventBuilder = Arc<dyn Fn(&[Question]) -> Entry + Send + Sync>;

/// A run to execute.
#[derive(Clone)]
pub(crate) struct NewRun {
    pub(crate) run_id: String,
    pub(crate) job: String,
    pub(crate) channel: String,
    pub(crate) input: String,
}

/// Identifies a run within its storage. Only the storage that returned it knows what it contains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RunHandle(pub(super) i64);

/// A claim on a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Claim {
    pub(crate) run: RunHandle,
    /// Rises by one with each claim of the run.
    pub(crate) fence: i64,
}

impl Claim {
    /// Returns whether nobody claimed the run between `earlier` and this claim.
    pub(crate) fn follows(self, earlier: Self) -> bool {
        self.run == earlier.run && self.fence == earlier.fence + 1
    }
}

/// A run that this process has claimed.
pub(crate) struct ClaimedRun {
    pub(crate) claim: Claim,
    pub(crate) run: NewRun,
    /// How often in a row the job failed without recording anything new.
    pub(crate) failures: u32,
    /// How often in a row a process died while executing the run, without recording anything new.
    pub(crate) crashes: u32,
    /// How often the run was retried after it had failed or halted.
    pub(crate) retries: u32,
}

/// A text stream that a run writes.
#[derive(Clone, Debug)]
pub(crate) struct RunStream {
    pub(crate) site: CallSite,
    pub(crate) stream_id: String,
    pub(crate) channel: String,
    pub(crate) topic: String,
}

/// A text stream that a run has begun and not ended.
#[derive(Clone, Debug)]
pub(crate) struct OpenRunStream {
    pub(crate) stream_id: String,
    pub(crate) chunks: Vec<String>,
}

/// A chunk of a text stream.
#[derive(Clone, Debug)]
pub(crate) struct NewChunk {
    pub(crate) site: CallSite,
    /// The number of the chunk in its stream, from 1 on.
    pub(crate) number: u32,
    pub(crate) text: String,
}

/// The outcome of writing to a run.
pub(crate) enum RecordOutcome {
    /// It was recorded. A publish returns the id of its message.
    Committed(Option<MessageId>),
    /// Another process holds the run, or the run has ended.
    ClaimLost,
}

/// The decision of a fork.
#[derive(Clone)]
pub(crate) struct Decision {
    /// The journal entry of the fork.
    pub(crate) fork: RecordedCall,
    pub(crate) start: CallStart,
    pub(crate) winner: u32,
    /// The branches that take precedence if they hold an accepted signal that they have not acted on.
    pub(crate) preferred: Vec<u32>,
    /// The calls in these branches that have not returned, so the job has not acted on their results.
    pub(crate) pending: Vec<CallSite>,
}

/// The outcome of deciding a fork.
pub(crate) enum DecideOutcome {
    Committed,
    /// A branch that takes precedence holds an accepted signal.
    Contested,
    ClaimLost,
}

/// A question to ask.
#[derive(Clone)]
pub(crate) struct NewQuestion {
    pub(crate) site: CallSite,
    pub(crate) id: String,
    /// The signals that can answer.
    pub(crate) names: Vec<String>,
    /// The names that these signals have or had, which kept ones may have.
    pub(crate) stored_names: Vec<String>,
    /// See [`CallStart::began_with`].
    pub(crate) began_with: String,
    /// When the question closes. Ignored once the question has been asked.
    pub(crate) closes_at: SystemTime,
}

/// The state of a question that a run has asked.
pub(crate) enum QuestionState {
    /// The question is closed. The value is a [`ClosedQuestion`] as JSON.
    Closed(String),
    /// The question has no answer yet.
    Open {
        closes_at: SystemTime,
    },
    ClaimLost,
}

/// An open question.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) site: CallSite,
    pub(crate) names: Vec<String>,
}

/// The id of a question, for clients. It identifies the question among those of all runs.
///
/// Formats as the run's id, a colon, and the call site. Clients must not rely on this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct QuestionId {
    pub(crate) run_id: String,
    pub(crate) site: CallSite,
}

impl fmt::Display for QuestionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.run_id, self.site)
    }
}

impl FromStr for QuestionId {
    /// The text is not the id of a question.
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // A run's id may contain colons; a call site does not.
        let (run_id, site) = text.rsplit_once(':').ok_or(())?;
        Ok(Self { run_id: run_id.to_owned(), site: site.parse().map_err(|_| ())? })
    }
}

/// A closed question, as the journal records it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClosedQuestion {
    /// The signals that could answer.
    pub(crate) names: Vec<String>,
    /// `None` if there was no answer in time.
    #[serde(rename = "taken")]
    pub(crate) answer: Option<Answer>,
    /// In milliseconds since 1970.
    #[serde(rename = "since")]
    pub(crate) asked_at: i64,
}

/// A signal that answered a question, as the journal records it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) name: String,
    /// JSON.
    pub(crate) payload: String,
    pub(crate) by: Option<String>,
    /// When it arrived, in milliseconds since 1970.
    pub(crate) at: i64,
}

/// The end of an execution.
#[derive(Clone, Debug)]
pub(crate) enum ExecutionEnd {
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

/// A signal for a run.
#[derive(Clone)]
pub(crate) struct NewSignal {
    pub(crate) channel: String,
    /// The run that receives it; `None` for the one that has waited longest.
    pub(crate) run_id: Option<String>,
    /// The question that it answers, which is one of the run `run_id`; `None` for the one that has been open longest.
    pub(crate) question: Option<CallSite>,
    pub(crate) name: String,
    /// The names that it has or had, by which earlier questions asked for it.
    pub(crate) stored_names: Vec<String>,
    /// JSON.
    pub(crate) payload: String,
    pub(crate) by: Option<String>,
    pub(crate) key: Option<IdempotencyKey>,
    /// When it arrived. Once the run has asked for this signal, it answers only a question that was already open at
    /// this time.
    pub(crate) at: SystemTime,
}

/// The outcome of sending a signal.
pub(crate) enum SignalOutcome {
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
    AlreadyTaken(Answer),
    TooLate,
    RunEnded,
    NoRun,
    KeyReused,
}

/// A run, as the journal records it.
#[derive(Clone, Debug)]
pub(crate) struct RunRecord {
    pub(crate) run: RunHandle,
    pub(crate) job: String,
    pub(crate) channel: String,
    pub(crate) input: String,
    pub(crate) state: RunState,
}

/// The state of a run, as the journal records it.
#[derive(Clone, Debug)]
pub(crate) enum RunState {
    /// The run has not ended. It waits for these signals, if there are any.
    Unfinished {
        waiting_for: Vec<String>,
    },
    /// The code no longer matches what the run recorded, for this reason.
    Halted(String),
    /// The result in JSON.
    Completed(String),
    Failed(String),
    Cancelled,
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
