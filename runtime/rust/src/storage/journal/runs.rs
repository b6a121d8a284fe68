//! The beginning and the end of runs.

use std::time::SystemTime;

use super::super::Entry;
use super::super::inspection::RunStateName;
use super::rows::JournalRows;
use super::{Claim, ExecutionEnd, NewRun, RecordOutcome, RunCounts, RunRecord, RunState};
use super::{claims, questions};
use crate::clock::to_milliseconds;

/// Adds a run with its first event. Returns `false` if there already is a run with this id.
pub(in crate::storage) async fn add<R: JournalRows>(
    rows: &mut R,
    run: &NewRun,
    event: &Entry,
) -> Result<bool, R::Failure> {
    let now = rows.now();
    let is_new = rows.insert_run(run, None, now).await?.is_some();
    if is_new {
        rows.append(event).await?;
    }
    Ok(is_new)
}

/// Records how an execution ended, and releases the run.
pub(in crate::storage) async fn end_execution<R: JournalRows>(
    rows: &mut R,
    claim: Claim,
    end: &ExecutionEnd,
    event: Option<&Entry>,
) -> Result<RecordOutcome, R::Failure> {
    let Some(mut head) = claims::lock_run(rows, claim).await? else { return Ok(RecordOutcome::ClaimLost) };
    let (state, outcome, due, failures) = match end {
        ExecutionEnd::Completed(result) => (RunStateName::Completed, Some(&**result), 0, 0),
        ExecutionEnd::Failed(error) => (RunStateName::Failed, Some(&**error), 0, 0),
        ExecutionEnd::Halted(reason) => (RunStateName::Halted, Some(&**reason), 0, 0),
        ExecutionEnd::Retry { at, failures } => {
            (RunStateName::Running, None, to_milliseconds(*at), *failures)
        }
        ExecutionEnd::Waiting { due } => (RunStateName::Running, None, to_milliseconds(*due), 0),
    };
    (head.state, head.due, head.failures, head.changed) = (state, due, failures, rows.now());
    head.release();
    if state == RunStateName::Running {
        // A signal may have arrived since the run last looked for it.
        let open = rows.load_questions(claim.run).await?;
        if open.iter().any(|open| open.answer.is_some()) {
            head.due = head.changed;
        }
    }
    rows.update_run_and_outcome(&head, outcome).await?;
    if head.has_ended() {
        rows.delete_questions(claim.run).await?;
    }
    if let Some(event) = event {
        rows.append(event).await?;
    }
    Ok(RecordOutcome::Committed(None))
}

/// Cancels a run. Returns `false` if it has already ended.
pub(in crate::storage) async fn cancel<R: JournalRows>(
    rows: &mut R,
    run_id: &str,
    event: Option<&Entry>,
) -> Result<bool, R::Failure> {
    let Some(mut head) = rows.lock_run_by_id(run_id).await?.filter(|head| !head.has_ended()) else {
        return Ok(false);
    };
    head.state = RunStateName::Cancelled;
    head.release();
    head.fence += 1;
    head.changed = rows.now();
    rows.update_run(&head).await?;
    rows.delete_questions(head.run).await?;
    if let Some(event) = event {
        rows.append(event).await?;
    }
    Ok(true)
}

/// Returns a run, or `None` if no run has this id.
pub(in crate::storage) async fn find<R: JournalRows>(
    rows: &mut R,
    run_id: &str,
) -> Result<Option<RunRecord>, R::Failure> {
    let Some(mut record) = rows.read_run(run_id).await? else { return Ok(None) };
    if let RunState::Unfinished { waiting_for } = &mut record.state {
        let open = rows.load_questions(record.run).await?;
        *waiting_for = questions::distinct_names(questions::unanswered(open));
    }
    Ok(Some(record))
}

/// Deletes at most `limit` runs that ended before a time, with all their data. Returns how many.
pub(in crate::storage) async fn delete_ended<R: JournalRows>(
    rows: &mut R,
    before: SystemTime,
    limit: usize,
) -> Result<usize, R::Failure> {
    let ended = rows.list_ended(to_milliseconds(before), limit).await?;
    rows.delete_runs(&ended).await?;
    Ok(ended.len())
}

/// Counts the unfinished runs.
pub(in crate::storage) async fn count<R: JournalRows>(rows: &mut R) -> Result<RunCounts, R::Failure> {
    let now = rows.now();
    rows.count_runs(now).await
}
