//! Cancelling, retrying, waking and repeating runs, whichever process executes them.

use std::fmt;
use std::sync::Arc;

use super::job::MAX_RUN_ID_LENGTH;
use super::stream::{ABANDONED, stop_streams, stream_ends};
use super::{CancelOutcome, Runs, RunsError, StartOutcome, events};
use crate::history::Log;
use crate::hub::Hub;
use crate::storage::{CallSite, RerunEffect, RetryEffect, RunRecord, StorageError, WakeEffect};

/// The effect of a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetryOutcome {
    /// The run had failed or was halted, and is now due.
    Retried,
    /// The run has not ended and is not halted. It is unchanged.
    Unfinished,
}

/// The reason why an action on a run was refused. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunActionError {
    /// No run has this id.
    UnknownRun,
    /// A retry: the run completed or was cancelled.
    NotFailed,
    /// A process executes the run, so it cannot be woken. Try again once it waits.
    Executing,
    /// There is no sleep and no delay to end.
    NotSleeping,
    /// The text is not the position of a call, such as `4` or `3.1/0`.
    InvalidCall(String),
    /// A rerun: the call is in a branch. Choose the fork, which is the call of the job at this position.
    InBranch(u32),
    /// A rerun: the job recorded nothing at the position.
    NoCall,
    /// A rerun: this earlier call has not ended, so it cannot be kept.
    UnfinishedCall(String),
    /// A rerun: another run has the new id.
    RunExists,
    /// The storage failed, an id is not valid, or the hub does not know the run's channel.
    Runs(RunsError),
}

impl fmt::Display for RunActionError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownRun => formatter.write_str(
                "no run has this id: it was never started, or it ended longer ago than `RunsBuilder::run_retention`",
            ),
            Self::NotFailed => formatter.write_str(
                "the run has not failed and is not halted: to execute it again, rerun it from one of its calls",
            ),
            Self::Executing => {
                formatter.write_str("a process is executing the run: try again once the run waits")
            }
            Self::NotSleeping => formatter
                .write_str("there is no sleep and no delay to end: the run does not sleep, or has ended"),
            Self::InvalidCall(text) => {
                write!(formatter, "{text:?} is not the position of a call: use one such as `4` or `3.1/0`")
            }
            Self::InBranch(fork) => write!(
                formatter,
                "the call is in a branch, and its branches can only be executed again together: rerun the run from call \
                 {fork}"
            ),
            Self::NoCall => formatter.write_str("the job has recorded no call at this position"),
            Self::UnfinishedCall(call) => write!(
                formatter,
                "call {call} comes before and has not ended, so its result cannot be kept: rerun the run from call {call} \
                 or wait until it has ended"
            ),
            Self::RunExists => formatter.write_str("another run has the new id: choose another id"),
            Self::Runs(error) => write!(formatter, "{error}"),
        }
    }
}

impl std::error::Error for RunActionError {}

impl From<RunsError> for RunActionError {
    fn from(error: RunsError) -> Self {
        Self::Runs(error)
    }
}

impl From<StorageError> for RunActionError {
    fn from(error: StorageError) -> Self {
        Self::Runs(error.into())
    }
}

impl Runs {
    /// Continues a failed or halted run from its journal, with fresh attempts.
    ///
    /// A call whose failure ended the run is made again, unless the job has acted on the failure. All other recorded
    /// calls keep their results. `runtime/ADMIN.md` defines both exactly. A halted run continues on a server that has
    /// the code that it needs.
    ///
    /// ```
    /// # async fn retry(runs: fanfare::Runs) -> Result<(), fanfare::RunActionError> {
    /// runs.retry("run_42").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns an error if no run has this id, the run completed or was cancelled, or the storage fails.
    pub async fn retry(&self, run_id: &str) -> Result<RetryOutcome, RunActionError> {
        retry(&self.shared.hub, run_id).await
    }

    /// Ends the sleeps of a run, and the delays before its next attempts, early. Returns how many. With `call`, such as
    /// `Some("4")`, ends the one at this position only, which may be the time limit of
    /// [`Run::timeout`](super::Run::timeout).
    ///
    /// ```
    /// # async fn wake(runs: fanfare::Runs) -> Result<(), fanfare::RunActionError> {
    /// runs.wake("run_42", None).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns an error if no run has this id, a process executes the run, there is nothing to end, or the storage
    /// fails.
    pub async fn wake(&self, run_id: &str, call: Option<&str>) -> Result<usize, RunActionError> {
        wake(&self.shared.hub, run_id, call).await
    }

    /// Starts a run of the same job, with the same channel and input, that keeps what another run recorded before one of
    /// its calls, and executes everything from this call on again. `call` is a position of the job itself, such as `4`.
    /// `runtime/ADMIN.md` defines which calls are kept.
    ///
    /// ```
    /// # async fn rerun(runs: fanfare::Runs) -> Result<(), fanfare::RunActionError> {
    /// runs.rerun("run_42", "4", "run_42-again").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns an error if no run has the id, nothing is recorded at the position, it is in a branch, an earlier call has
    /// not ended, the new id is not valid or another run has it, or the storage fails.
    pub async fn rerun(
        &self,
        run_id: &str,
        call: &str,
        new_run_id: &str,
    ) -> Result<StartOutcome, RunActionError> {
        rerun(&self.shared.hub, run_id, call, new_run_id).await
    }
}

/// Cancels a run, whichever process executes it.
pub(crate) async fn cancel(hub: &Hub, run_id: &str) -> Result<CancelOutcome, RunsError> {
    let engine = hub.storage();
    let Some(record) = engine.find_run(run_id.to_owned()).await? else {
        return Ok(CancelOutcome::UnknownRun);
    };
    let event = match open_log(hub, &record).await {
        Ok(log) => Some(events::cancelled(&log, run_id)),
        Err(RunsError::UnknownChannel) => None,
        Err(error) => return Err(error),
    };
    let is_cancelled = engine.cancel_run(run_id.to_owned(), event).await?;
    hub.abort_run(record.run);
    if !is_cancelled {
        return Ok(CancelOutcome::AlreadyEnded);
    }
    stop_streams(hub, engine, record.run, run_id, "the run was cancelled", |_| true).await?;
    Ok(CancelOutcome::Cancelled)
}

/// Continues a failed or halted run.
pub(crate) async fn retry(hub: &Hub, run_id: &str) -> Result<RetryOutcome, RunActionError> {
    let engine = hub.storage();
    let record = find_run(hub, run_id).await?;
    let event = events::running(&open_log(hub, &record).await?, run_id, 1, None);
    // The process whose execution failed may not have ended them yet.
    let ends = stream_ends(hub, engine, record.run, run_id, ABANDONED, |_| true).await?;
    match engine.retry_run(run_id.to_owned(), event, ends).await? {
        RetryEffect::Retried => {
            hub.claim_due_runs();
            Ok(RetryOutcome::Retried)
        }
        RetryEffect::Unfinished => Ok(RetryOutcome::Unfinished),
        RetryEffect::NotFailed => Err(RunActionError::NotFailed),
        RetryEffect::NoRun => Err(RunActionError::UnknownRun),
    }
}

/// Ends the sleeps and delays of a run early.
pub(crate) async fn wake(hub: &Hub, run_id: &str, call: Option<&str>) -> Result<usize, RunActionError> {
    let site = call.map(parse_site).transpose()?;
    match hub.storage().wake_run(run_id.to_owned(), site).await? {
        WakeEffect::Woken(count) => {
            hub.claim_due_runs();
            Ok(count)
        }
        WakeEffect::Executing => Err(RunActionError::Executing),
        WakeEffect::NotSleeping => Err(RunActionError::NotSleeping),
        WakeEffect::NoRun => Err(RunActionError::UnknownRun),
    }
}

/// Starts a run that begins with part of another run's journal.
pub(crate) async fn rerun(
    hub: &Hub,
    run_id: &str,
    call: &str,
    new_run_id: &str,
) -> Result<StartOutcome, RunActionError> {
    if new_run_id.is_empty() || new_run_id.chars().nth(MAX_RUN_ID_LENGTH).is_some() {
        return Err(RunsError::InvalidRunId.into());
    }
    let site = parse_site(call)?;
    if let Some(fork) = std::iter::successors(site.fork(), CallSite::fork).last() {
        return Err(RunActionError::InBranch(fork.position));
    }
    let log = open_log(hub, &find_run(hub, run_id).await?).await?;
    let event = events::running(&log, new_run_id, 1, None);
    let rerun = hub.storage().rerun(run_id.to_owned(), site.position, new_run_id.to_owned(), event);
    match rerun.await? {
        RerunEffect::New => {
            hub.claim_due_runs();
            Ok(StartOutcome::New)
        }
        RerunEffect::Existing => Ok(StartOutcome::Existing),
        RerunEffect::RunExists => Err(RunActionError::RunExists),
        RerunEffect::NoCall => Err(RunActionError::NoCall),
        RerunEffect::UnfinishedCall(site) => Err(RunActionError::UnfinishedCall(site.to_string())),
        RerunEffect::NoRun => Err(RunActionError::UnknownRun),
    }
}

fn parse_site(call: &str) -> Result<CallSite, RunActionError> {
    let site: Option<CallSite> = call.parse().ok();
    // Accept the canonical spelling only, such as `4` and not `04` or `+4`.
    let site = site.filter(|site| site.to_string() == call);
    let is_root_or_branch = |site: &CallSite| site.branch.is_empty() || site.fork().is_some();
    site.filter(is_root_or_branch).ok_or_else(|| RunActionError::InvalidCall(call.to_owned()))
}

async fn find_run(hub: &Hub, run_id: &str) -> Result<RunRecord, RunActionError> {
    hub.storage().find_run(run_id.to_owned()).await?.ok_or(RunActionError::UnknownRun)
}

async fn open_log(hub: &Hub, record: &RunRecord) -> Result<Arc<Log>, RunsError> {
    let channel = hub.registry().resolve(&record.channel).ok_or(RunsError::UnknownChannel)?;
    hub.open_log(&channel).await.map_err(RunsError::from_open_error)
}
