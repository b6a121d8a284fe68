//! The rows of the journal, which every engine stores in its own way.
//!
//! The methods find, add, change and delete rows, and decide as little as possible: the modules of this folder decide,
//! once for all engines. All times are in milliseconds since 1970, by the storage's clock.
//!
//! Engines whose transactions run at the same time lock rows until the end of the transaction. Callers lock a run
//! before they change it, its calls, its questions or its signals. Other engines need no locks.

use super::super::inspection::RunStateName;
use super::super::recorded_call::{CallKind, CallSite, CallStart, Outcome, RecordedCall};
use super::super::{Entry, IdempotencyKey};
use super::{
    Answer, Claim, ClosedQuestion, NewChunk, NewRun, NewSignal, Question, RunCounts, RunHandle, RunRecord,
    RunStream,
};
use crate::wire::MessageId;

/// Runs with this many crashes in a row are executed one at a time. This separates a run that crashes its process
/// from runs that only happened to be in the same process.
///
/// Statements and indexes contain the number, too.
pub(in crate::storage) const SUSPECT: u32 = 2;

/// A transaction of an engine. If the caller fails, nothing that it wrote is committed.
pub(in crate::storage) trait JournalTransaction {
    type Failure;

    /// Returns the time. It is read for each call: a question is asked when it is written, after the signals that
    /// arrived before the transaction began.
    fn now(&self) -> i64;

    /// Appends a message to its channel. Returns its id, or `None` if its idempotency key was used before.
    async fn append(&mut self, entry: &Entry) -> Result<Option<MessageId>, Self::Failure>;

    /// Waits until no other transaction delivers signals to a channel, and keeps others from it.
    async fn lock_signals(&mut self, channel: &str) -> Result<(), Self::Failure>;

    /// Removes the processes that ended without releasing their runs, and returns them.
    async fn remove_ended_processes(&mut self) -> Result<Vec<u32>, Self::Failure>;
}

/// All rows of the journal.
pub(in crate::storage) trait JournalRows:
    RunRows + CallRows + QuestionRows + SignalRows + StreamRows
{
}

impl<T: RunRows + CallRows + QuestionRows + SignalRows + StreamRows> JournalRows for T {}

/// The runs.
pub(in crate::storage) trait RunRows: JournalTransaction {
    /// Adds a run that is due at once. Returns `None` if there already is a run with this id.
    async fn insert_run(
        &mut self,
        run: &NewRun,
        origin: Option<&Origin>,
        at: i64,
    ) -> Result<Option<RunHandle>, Self::Failure>;

    /// Locks and returns a run.
    async fn lock_run(&mut self, run: RunHandle) -> Result<Option<RunHead>, Self::Failure>;

    /// Locks and returns the run with an id.
    async fn lock_run_by_id(&mut self, run_id: &str) -> Result<Option<RunHead>, Self::Failure>;

    /// Returns the run with an id and its texts. The signals that it waits for are left out.
    async fn read_run(&mut self, run_id: &str) -> Result<Option<RunRecord>, Self::Failure>;

    /// Writes a run that is locked.
    async fn update_run(&mut self, head: &RunHead) -> Result<(), Self::Failure>;

    /// Writes a run that is locked, and its result, its error or the reason why it is halted.
    async fn update_run_and_outcome(
        &mut self,
        head: &RunHead,
        outcome: Option<&str>,
    ) -> Result<(), Self::Failure>;

    /// Locks a run, and returns whether the claim is still valid: nobody has claimed the run since, and it is running.
    async fn lock_claim(&mut self, claim: Claim) -> Result<bool, Self::Failure>;

    /// Returns the claims that are still valid.
    async fn find_valid_claims(&mut self, claims: &[Claim]) -> Result<Vec<Claim>, Self::Failure>;

    /// Extends the leases of running runs that this process still holds, and returns their claims.
    async fn extend_leases(
        &mut self,
        claims: &[Claim],
        owner: u32,
        lease: i64,
    ) -> Result<Vec<Claim>, Self::Failure>;

    /// Locks and returns running runs of these jobs that are due and whose leases are over, those that have been due
    /// longest first: with fewer crashes than [`SUSPECT`], or with at least that many. Skips runs that another
    /// transaction has locked.
    async fn list_due(
        &mut self,
        jobs: &[String],
        are_suspect: bool,
        now: i64,
        limit: usize,
    ) -> Result<Vec<DueRun>, Self::Failure>;

    /// Returns whether a process holds a run with at least [`SUSPECT`] crashes, and its lease is not over.
    async fn holds_suspect(&mut self, owner: u32, now: i64) -> Result<bool, Self::Failure>;

    /// Locks and returns the runs that a process holds.
    async fn list_held(&mut self, owner: u32) -> Result<Vec<HeldRun>, Self::Failure>;

    /// Releases the runs that a process holds.
    async fn release_runs(&mut self, owner: u32) -> Result<(), Self::Failure>;

    /// Makes these runs due, except those that a process holds.
    async fn make_due(&mut self, runs: &[RunHandle], now: i64) -> Result<(), Self::Failure>;

    /// Makes the halted runs of these jobs running and due.
    async fn resume_halted(&mut self, jobs: &[String], now: i64) -> Result<(), Self::Failure>;

    /// Returns the open questions of all unfinished runs of a channel.
    async fn list_questions_of_channel(&mut self, channel: &str) -> Result<Vec<AskingRun>, Self::Failure>;

    /// Returns the oldest unfinished run of a channel.
    async fn find_oldest_unfinished(&mut self, channel: &str) -> Result<Option<RunHandle>, Self::Failure>;

    /// Returns the latest run of a channel.
    async fn find_latest(&mut self, channel: &str) -> Result<Option<RunHandle>, Self::Failure>;

    /// Locks and returns runs that ended before a time, those that ended longest ago first. Skips runs that another
    /// transaction has locked.
    async fn list_ended(&mut self, before: i64, limit: usize) -> Result<Vec<RunHandle>, Self::Failure>;

    /// Deletes runs with all their data.
    async fn delete_runs(&mut self, runs: &[RunHandle]) -> Result<(), Self::Failure>;

    /// Counts the unfinished runs.
    async fn count_runs(&mut self, now: i64) -> Result<RunCounts, Self::Failure>;
}

/// The calls that runs recorded.
pub(in crate::storage) trait CallRows: JournalTransaction {
    /// Locks a run and adds a call, unless the claim is outdated or the call was recorded before. Returns whether it was
    /// added. Most calls are recorded once, so most need nothing else.
    async fn record_new_call(&mut self, claim: Claim, call: &NewCall<'_>) -> Result<bool, Self::Failure>;

    /// Adds a call. Returns `false` if it was recorded before.
    async fn insert_call(&mut self, run: RunHandle, call: &NewCall<'_>) -> Result<bool, Self::Failure>;

    /// Replaces the outcome of a recorded call, unless that is final. A final outcome keeps the number of failures.
    async fn update_call(&mut self, run: RunHandle, call: &NewCall<'_>) -> Result<(), Self::Failure>;

    /// Returns a recorded call.
    async fn find_call(
        &mut self,
        run: RunHandle,
        site: &CallSite,
    ) -> Result<Option<RecordedCall>, Self::Failure>;

    /// Returns all recorded calls of a run.
    async fn load_calls(&mut self, run: RunHandle) -> Result<Vec<RecordedCall>, Self::Failure>;

    /// Returns the recorded calls in the branches of a fork, at any depth.
    async fn load_fork(
        &mut self,
        run: RunHandle,
        fork: &CallSite,
    ) -> Result<Vec<RecordedCall>, Self::Failure>;

    /// Returns all recorded calls of a run without the results of steps.
    async fn load_outlines(&mut self, run: RunHandle) -> Result<Vec<CallOutline>, Self::Failure>;

    /// Returns the closed questions of a run.
    async fn load_closed_questions(
        &mut self,
        run: RunHandle,
    ) -> Result<Vec<ClosedQuestionRow>, Self::Failure>;

    /// Deletes recorded calls.
    async fn delete_calls(&mut self, run: RunHandle, sites: &[CallSite]) -> Result<(), Self::Failure>;

    /// Makes all steps that have failed and not ended due, with fresh attempts.
    async fn restart_attempts(&mut self, run: RunHandle) -> Result<(), Self::Failure>;

    /// Changes when a pause ends: a sleep by its value, and a delay by its due time.
    async fn end_pause(
        &mut self,
        run: RunHandle,
        site: &CallSite,
        value: Option<&str>,
        due: i64,
    ) -> Result<(), Self::Failure>;

    /// Copies the calls of the job itself before a position to another run.
    async fn copy_root(&mut self, from: RunHandle, to: RunHandle, before: u32) -> Result<(), Self::Failure>;

    /// Copies the calls in the branches of a fork, at any depth, to another run.
    async fn copy_fork(
        &mut self,
        from: RunHandle,
        to: RunHandle,
        fork: &CallSite,
    ) -> Result<(), Self::Failure>;
}

/// The open questions of runs.
pub(in crate::storage) trait QuestionRows: JournalTransaction {
    /// Returns the open questions of a run, sorted by [`OpenQuestion::order`].
    async fn load_questions(&mut self, run: RunHandle) -> Result<Vec<OpenQuestion>, Self::Failure>;

    /// Adds a question without an answer. The run has not asked it before.
    async fn insert_question(&mut self, run: RunHandle, question: &OpenQuestion)
    -> Result<(), Self::Failure>;

    /// Sets the number of the signal that answers a question.
    async fn set_answer(&mut self, run: RunHandle, site: &CallSite, signal: i64)
    -> Result<(), Self::Failure>;

    async fn delete_question(&mut self, run: RunHandle, site: &CallSite) -> Result<(), Self::Failure>;

    /// Deletes all open questions of a run.
    async fn delete_questions(&mut self, run: RunHandle) -> Result<(), Self::Failure>;
}

/// The signals that runs received. Each has a greater number than all earlier ones.
pub(in crate::storage) trait SignalRows: JournalTransaction {
    /// Adds a signal, and returns its number.
    async fn insert_signal(
        &mut self,
        run: RunHandle,
        signal: &NewSignal,
        at: i64,
        state: SignalState,
    ) -> Result<i64, Self::Failure>;

    /// Returns the signal that was sent to a run of a channel under a key.
    async fn find_signal_by_key(
        &mut self,
        channel: &str,
        key: &IdempotencyKey,
    ) -> Result<Option<SignalReceipt>, Self::Failure>;

    /// Returns a signal, or `None` if no signal has this number.
    async fn read_signal(&mut self, number: i64) -> Result<Option<Answer>, Self::Failure>;

    async fn set_signal_state(&mut self, number: i64, state: SignalState) -> Result<(), Self::Failure>;

    /// Returns the number of the earliest kept signal with one of these names.
    async fn find_kept_signal(
        &mut self,
        run: RunHandle,
        names: &[String],
    ) -> Result<Option<i64>, Self::Failure>;

    /// Marks the kept signals with one of these names as dropped.
    async fn drop_kept_signals(&mut self, run: RunHandle, names: &[String]) -> Result<(), Self::Failure>;

    /// Returns the numbers of the signals that are answers, and that the run has not taken.
    async fn list_answers(&mut self, run: RunHandle) -> Result<Vec<i64>, Self::Failure>;
}

/// The text streams of runs that have begun and not ended.
pub(in crate::storage) trait StreamRows: JournalTransaction {
    async fn insert_stream(&mut self, run: RunHandle, stream: &RunStream) -> Result<(), Self::Failure>;

    /// Adds a chunk, unless its stream has ended. Its number identifies it, so adding it twice is an error. Returns
    /// whether it was added. No other transaction ends the stream before this one ends.
    async fn insert_chunk(&mut self, run: RunHandle, chunk: &NewChunk) -> Result<bool, Self::Failure>;

    /// Returns the run and the call of a stream.
    async fn find_stream(&mut self, stream_id: &str) -> Result<Option<(RunHandle, CallSite)>, Self::Failure>;

    /// Returns the id of the stream that a call writes.
    async fn find_stream_of_call(
        &mut self,
        run: RunHandle,
        site: &CallSite,
    ) -> Result<Option<String>, Self::Failure>;

    /// Returns the chunks of a stream in their order.
    async fn load_chunks(&mut self, run: RunHandle, site: &CallSite) -> Result<Vec<String>, Self::Failure>;

    /// Returns the streams of a run.
    async fn list_streams(&mut self, run: RunHandle) -> Result<Vec<RunStream>, Self::Failure>;

    /// Deletes a stream with its chunks. Returns `false` if there is none.
    async fn delete_stream(&mut self, run: RunHandle, site: &CallSite) -> Result<bool, Self::Failure>;
}

/// A run without its texts.
#[derive(Clone, Debug)]
pub(in crate::storage) struct RunHead {
    pub(in crate::storage) run: RunHandle,
    pub(in crate::storage) run_id: String,
    pub(in crate::storage) channel: String,
    pub(in crate::storage) state: RunStateName,
    pub(in crate::storage) due: i64,
    /// How often in a row its job failed.
    pub(in crate::storage) failures: u32,
    /// How often in a row a process ended while it executed the run.
    pub(in crate::storage) crashes: u32,
    pub(in crate::storage) retries: u32,
    /// How many calls were recorded when the crashes were last counted. They restart once there are more.
    pub(in crate::storage) progress: u32,
    /// The process that holds it until `lease`.
    pub(in crate::storage) owner: Option<u32>,
    pub(in crate::storage) lease: i64,
    pub(in crate::storage) fence: i64,
    /// When an execution last ended, or the run was last added, cancelled or retried.
    pub(in crate::storage) changed: i64,
    pub(in crate::storage) origin: Option<Origin>,
}

impl RunHead {
    pub(in crate::storage) fn has_ended(&self) -> bool {
        !matches!(self.state, RunStateName::Running | RunStateName::Halted)
    }

    /// Ends the claim of the process that holds the run.
    pub(super) fn release(&mut self) {
        self.owner = None;
        self.lease = 0;
    }
}

/// The run that a run repeats, and from which call on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::storage) struct Origin {
    pub(in crate::storage) run_id: String,
    pub(in crate::storage) call: String,
}

/// A run that is due.
#[derive(Debug)]
pub(in crate::storage) struct DueRun {
    pub(in crate::storage) held: HeldRun,
    pub(in crate::storage) job: String,
    pub(in crate::storage) input: String,
}

/// A run, and how many calls it has recorded.
#[derive(Debug)]
pub(in crate::storage) struct HeldRun {
    pub(in crate::storage) head: RunHead,
    pub(in crate::storage) recorded: u32,
}

/// A run that asks for signals.
#[derive(Debug)]
pub(in crate::storage) struct AskingRun {
    pub(in crate::storage) run: RunHandle,
    pub(in crate::storage) names: Vec<String>,
    pub(in crate::storage) asked_at: i64,
}

/// A call to record.
#[derive(Debug)]
pub(in crate::storage) struct NewCall<'c> {
    pub(in crate::storage) site: &'c CallSite,
    pub(in crate::storage) kind: CallKind,
    pub(in crate::storage) id: &'c str,
    pub(in crate::storage) outcome: &'c Outcome,
    pub(in crate::storage) start: &'c CallStart,
    /// When the outcome is recorded.
    pub(in crate::storage) at: i64,
}

/// A recorded call. Its outcome has no text if it is the result of a step, a publish or a text stream, or an error.
#[derive(Clone, Debug)]
pub(in crate::storage) struct CallOutline {
    pub(in crate::storage) site: CallSite,
    pub(in crate::storage) kind: CallKind,
    pub(in crate::storage) id: String,
    pub(in crate::storage) outcome: Outcome,
    /// See [`CallStart::began_with`].
    pub(in crate::storage) began_with: String,
}

/// A closed question, and where and when it was closed.
#[derive(Debug)]
pub(in crate::storage) struct ClosedQuestionRow {
    pub(in crate::storage) position: u32,
    pub(in crate::storage) at: i64,
    pub(in crate::storage) question: ClosedQuestion,
}

/// A question that a run has asked, until it takes the answer.
#[derive(Clone, Debug)]
pub(in crate::storage) struct OpenQuestion {
    pub(in crate::storage) question: Question,
    pub(in crate::storage) id: String,
    pub(in crate::storage) asked_at: i64,
    pub(in crate::storage) closes_at: i64,
    /// The number of the signal that answers it.
    pub(in crate::storage) answer: Option<i64>,
    /// See [`CallStart::began_with`].
    pub(in crate::storage) began_with: String,
}

impl OpenQuestion {
    /// Returns the key that sorts questions: the one that has been open longest first.
    pub(in crate::storage) fn order(&self) -> (i64, &CallSite) {
        (self.asked_at, &self.question.site)
    }
}

/// The state of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::storage) enum SignalState {
    /// No question has asked for it.
    Kept,
    /// It answers an open question.
    Answer,
    /// The run has taken it.
    Taken,
    /// An earlier kept signal answered the question.
    Dropped,
}

impl SignalState {
    pub(in crate::storage) const ALL: [Self; 4] = [Self::Kept, Self::Answer, Self::Taken, Self::Dropped];

    /// Returns the name in the journal.
    pub(in crate::storage) fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Answer => "answer",
            Self::Taken => "taken",
            Self::Dropped => "dropped",
        }
    }
}

/// A signal that was sent under an idempotency key, and its run.
#[derive(Debug)]
pub(in crate::storage) struct SignalReceipt {
    pub(in crate::storage) run: RunHandle,
    pub(in crate::storage) run_id: String,
    pub(in crate::storage) content_hash: Vec<u8>,
    pub(in crate::storage) at: i64,
    pub(in crate::storage) state: SignalState,
}
