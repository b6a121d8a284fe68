//! The journal of runs in SQLite.

use std::time::SystemTime;

use rusqlite::types::{FromSql, FromSqlResult, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Result, Row, ToSql, Transaction, params};

use super::super::{
    CallKind, CallSite, CallStart, Claim, ClaimedRun, Entry, ExecutionEnd, NewRun, Outcome as CallOutcome,
    RecordOutcome, RecordedCall, RunCounts, RunHandle, RunRecord, RunState,
};
use super::batch::Batch;
use super::messages::AppendOutcome;
use super::questions::{distinct_names, open_questions};
use super::{processes, streams};
use crate::clock::{from_milliseconds, to_milliseconds};

/// A run's handle is the id of its row.
impl ToSql for RunHandle {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}

impl FromSql for RunHandle {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        i64::column_result(value).map(Self)
    }
}

/// The number of calls that a run has recorded.
const RECORDED: &str =
    "(SELECT count(*) FROM steps WHERE steps.run = runs.id AND (value IS NOT NULL OR error IS NOT NULL))";

/// Runs with this many crashes in a row are executed one at a time. This separates a run that crashes its process
/// from runs that only happened to be in the same process.
const SUSPECT: u32 = 2;

/// Makes halted runs of these jobs due, because this server may have the code that they need, and frees orphans.
pub(super) fn recover(batch: &Batch<'_>, jobs: &[String]) -> Result<()> {
    batch.transaction.execute(
        "UPDATE runs SET state = 'running', due = ?2 WHERE state = 'halted' AND job IN (SELECT value FROM json_each(?1))",
        params![json(jobs), batch.now_in_milliseconds()],
    )?;
    free_orphans(batch)
}

/// Frees the runs of processes that no longer exist, and counts a crash for each. The more often in a row a run
/// crashed, the longer it waits before it is due, up to 64 seconds.
pub(super) fn free_orphans(batch: &Batch<'_>) -> Result<()> {
    let transaction = batch.transaction;
    for owner in processes::remove_ended(transaction)? {
        transaction.execute(
            &format!(
                "UPDATE runs SET progress = {RECORDED},
                 crashes = CASE WHEN {RECORDED} > progress THEN 1 ELSE crashes + 1 END WHERE owner = ?1"
            ),
            [owner],
        )?;
        transaction.execute(
            "UPDATE runs SET owner = NULL, lease = 0,
             due = CASE WHEN crashes < ?3 THEN due ELSE max(due, ?2 + (1000 << min(crashes - ?3, 6))) END
             WHERE owner = ?1",
            params![owner, batch.now_in_milliseconds(), SUSPECT],
        )?;
    }
    Ok(())
}

/// Releases all runs that a process holds.
pub(super) fn release_all(connection: &Connection, owner: u32) -> Result<()> {
    if bug!(RunsNotReleased) {
        return Ok(());
    }
    connection.execute("UPDATE runs SET owner = NULL, lease = 0 WHERE owner = ?1", [owner])?;
    Ok(())
}

pub(super) fn add(batch: &mut Batch<'_>, run: &NewRun, event: &Entry) -> Result<bool> {
    let mut statement = batch.transaction.prepare_cached(
        "INSERT INTO runs (run, job, channel, input, state, due, changed, created)
         VALUES (?1, ?2, ?3, ?4, 'running', ?5, ?5, ?5) ON CONFLICT DO NOTHING",
    )?;
    let added = statement.execute(params![
        run.run_id,
        run.job,
        run.channel,
        run.input,
        batch.now_in_milliseconds()
    ])? == 1;
    if added {
        batch.append(event)?;
    }
    Ok(added)
}

pub(super) fn claim(
    batch: &Batch<'_>,
    owner: u32,
    jobs: &[String],
    lease: SystemTime,
    limit: usize,
) -> Result<Vec<ClaimedRun>> {
    let is_free =
        "state = 'running' AND due <= ?3 AND lease < ?3 AND job IN (SELECT value FROM json_each(?4))";
    // With a bare parameter as the limit, SQLite would recompile the statement each time.
    let mut statement = batch.transaction.prepare_cached(&format!(
        "UPDATE runs SET fence = fence + 1, owner = ?1, lease = ?2, progress = {RECORDED},
             crashes = CASE WHEN {RECORDED} > progress THEN 0 ELSE crashes END + (coalesce(owner, ?1) <> ?1)
         WHERE id IN (
             SELECT id FROM runs WHERE {is_free} AND (crashes < {SUSPECT} OR id = (
                 SELECT id FROM runs WHERE {is_free} AND crashes >= {SUSPECT}
                 AND NOT EXISTS (SELECT 1 FROM runs WHERE owner = ?1 AND crashes >= {SUSPECT})
                 ORDER BY due LIMIT 1))
             ORDER BY due LIMIT 0 + ?5)
         RETURNING id, fence, run, job, channel, input, failures, crashes, retries"
    ))?;
    let arguments = params![owner, to_milliseconds(lease), batch.now_in_milliseconds(), json(jobs), limit];
    let rows = statement.query_map(arguments, |row| {
        Ok(ClaimedRun {
            claim: Claim { run: row.get(0)?, fence: row.get(1)? },
            run: NewRun { run_id: row.get(2)?, job: row.get(3)?, channel: row.get(4)?, input: row.get(5)? },
            failures: row.get(6)?,
            crashes: row.get(7)?,
            retries: row.get(8)?,
        })
    })?;
    rows.collect()
}

pub(super) fn make_due(batch: &Batch<'_>, runs: &[RunHandle]) -> Result<()> {
    let mut statement = batch
        .transaction
        .prepare_cached("UPDATE runs SET due = min(due, ?2) WHERE id = ?1 AND owner IS NULL")?;
    runs.iter().try_for_each(|run| statement.execute(params![run, batch.now_in_milliseconds()]).map(|_| ()))
}

/// Returns the calls that a run has recorded or begun.
pub(super) fn load_calls(transaction: &Transaction<'_>, run: RunHandle) -> Result<Vec<RecordedCall>> {
    let mut statement = transaction.prepare_cached(
        "SELECT branch, position, kind, id, value, error, failures, due FROM steps WHERE run = ?1
         UNION ALL SELECT branch, position, 'wait', id, NULL, NULL, 0, until FROM waits WHERE run = ?1",
    )?;
    let rows = statement.query_map([run], read_call)?;
    rows.collect()
}

/// Returns the calls that the branches of a fork have recorded or begun.
pub(super) fn load_fork(
    transaction: &Transaction<'_>,
    run: RunHandle,
    fork: &CallSite,
) -> Result<Vec<RecordedCall>> {
    let first = fork.child(0);
    let prefix = first.trim_end_matches('0');
    let mut statement = transaction.prepare_cached(
        "SELECT branch, position, kind, id, value, error, failures, due FROM steps
         WHERE run = ?1 AND branch >= ?2 AND branch < ?3",
    )?;
    // The branches start with `3.`, so they sort before `3/`: the slash is the character after the dot.
    let end = format!("{}/", prefix.trim_end_matches('.'));
    let rows = statement.query_map(params![run, prefix, end], read_call)?;
    rows.collect()
}

fn read_call(row: &Row<'_>) -> Result<RecordedCall> {
    let kind: String = row.get(2)?;
    let kind = CallKind::ALL.into_iter().find(|known| known.name() == kind).unwrap_or(CallKind::Step);
    let outcome = match (row.get(4)?, row.get(5)?) {
        (Some(value), _) => CallOutcome::Value(value),
        (None, Some(error)) => CallOutcome::Error(error),
        (None, None) => CallOutcome::Begun { failures: row.get(6)?, due: row.get(7)? },
    };
    Ok(RecordedCall {
        site: CallSite { branch: row.get(0)?, position: row.get(1)? },
        kind,
        id: row.get(3)?,
        outcome,
    })
}

/// Extends the leases of the given runs only. A run whose end could not be recorded is still held but no longer
/// executed; its lease must expire.
pub(super) fn extend_leases(
    transaction: &Transaction<'_>,
    owner: u32,
    claims: &[Claim],
    lease: SystemTime,
) -> Result<Vec<Claim>> {
    let mut statement = transaction.prepare_cached(
        "UPDATE runs SET lease = ?4 WHERE id = ?1 AND fence = ?2 AND owner = ?3 AND state = 'running'",
    )?;
    let mut extended = Vec::new();
    for claim in claims {
        if statement.execute(params![claim.run, claim.fence, owner, to_milliseconds(lease)])? == 1 {
            extended.push(*claim);
        }
    }
    Ok(extended)
}

pub(super) fn find_valid_claims(transaction: &Transaction<'_>, claims: &[Claim]) -> Result<Vec<Claim>> {
    let mut valid = Vec::new();
    for claim in claims {
        if is_claim_valid(transaction, *claim)? {
            valid.push(*claim);
        }
    }
    Ok(valid)
}

/// Returns whether a claim is still valid.
pub(super) fn is_claim_valid(transaction: &Transaction<'_>, claim: Claim) -> Result<bool> {
    let mut statement = transaction
        .prepare_cached("SELECT 1 FROM runs WHERE id = ?1 AND fence = ?2 AND state = 'running'")?;
    Ok(statement.exists(params![claim.run, claim.fence])? || bug!(FenceNotChecked))
}

pub(super) fn record_call(
    batch: &mut Batch<'_>,
    claim: Claim,
    call: &RecordedCall,
    start: &CallStart,
    message: Option<&Entry>,
) -> Result<RecordOutcome> {
    if !is_claim_valid(batch.transaction, claim)? {
        return Ok(RecordOutcome::ClaimLost);
    }
    let mut id = None;
    if let Some(message) = message
        && let AppendOutcome::Stored(stored) = batch.append(message)?
    {
        id = Some(stored);
        failpoint!("between-message-and-step");
    }
    match id.filter(|_| call.kind == CallKind::Publish) {
        Some(id) => {
            let outcome = CallOutcome::Value(format!("\"{id}\""));
            write_outcome(batch, claim.run, call, &outcome, start)?;
        }
        None => write_call(batch, claim.run, call, start)?,
    }
    if call.kind == CallKind::Stream && call.outcome.is_final() {
        streams::delete(batch.transaction, claim.run, &call.site)?;
    }
    Ok(RecordOutcome::Committed(id))
}

/// Records a call.
pub(super) fn write_call(
    batch: &Batch<'_>,
    run: RunHandle,
    call: &RecordedCall,
    start: &CallStart,
) -> Result<()> {
    write_outcome(batch, run, call, &call.outcome, start)
}

/// Records a call with `outcome` instead of the call's own outcome.
fn write_outcome(
    batch: &Batch<'_>,
    run: RunHandle,
    call: &RecordedCall,
    outcome: &CallOutcome,
    start: &CallStart,
) -> Result<()> {
    let (transaction, now) = (batch.transaction, batch.now_in_milliseconds());
    let RecordedCall { site: CallSite { branch, position }, kind, id, .. } = call;
    let (value, error, failures, due) = match outcome {
        CallOutcome::Value(value) => (Some(value), None, 0, 0),
        CallOutcome::Error(error) => (None, Some(error), 0, 0),
        CallOutcome::Begun { failures, due } => (None, None, *failures, *due),
    };
    // Most calls are recorded once, with a value. An upsert would take an eighth longer.
    let mut once = transaction.prepare_cached(
        "INSERT OR IGNORE INTO steps (run, branch, position, kind, id, value, at, began, began_with)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    let (began, began_with) = (to_milliseconds(start.at), &start.began_with);
    let added =
        once.execute(params![run, branch, position, kind.name(), id, value, now, began, began_with])?;
    let is_new = added == 1;
    if is_new && value.is_some() {
        return Ok(());
    }
    // A final outcome keeps the number of failures.
    let mut again = transaction.prepare_cached(
        "UPDATE steps SET value = ?4, error = ?5, failures = max(failures, ?6), due = ?7, at = ?8
         WHERE run = ?1 AND branch = ?2 AND position = ?3 AND value IS NULL AND error IS NULL",
    )?;
    again.execute(params![run, branch, position, value, error, failures, due, now])?;
    Ok(())
}

pub(super) fn end_execution(
    batch: &mut Batch<'_>,
    claim: Claim,
    end: &ExecutionEnd,
    event: Option<&Entry>,
) -> Result<RecordOutcome> {
    if !is_claim_valid(batch.transaction, claim)? {
        return Ok(RecordOutcome::ClaimLost);
    }
    let (state, outcome, due, failures) = match end {
        ExecutionEnd::Completed(result) => ("completed", Some(result), 0, 0),
        ExecutionEnd::Failed(error) => ("failed", Some(error), 0, 0),
        ExecutionEnd::Halted(why) => ("halted", Some(why), 0, 0),
        ExecutionEnd::Retry { at, failures } => ("running", None, to_milliseconds(*at), *failures),
        ExecutionEnd::Waiting { due } => ("running", None, to_milliseconds(*due), 0),
    };
    let mut statement = batch.transaction.prepare_cached(
        "UPDATE runs SET state = ?2, outcome = ?3, owner = NULL, lease = 0, changed = ?6, failures = ?5, due = CASE
             WHEN EXISTS (SELECT 1 FROM waits WHERE waits.run = runs.id AND answer IS NOT NULL) THEN ?6
             ELSE ?4 END
         WHERE id = ?1",
    )?;
    statement.execute(params![claim.run, state, outcome, due, failures, batch.now_in_milliseconds()])?;
    if matches!(end, ExecutionEnd::Completed(_) | ExecutionEnd::Failed(_)) {
        batch.transaction.execute("DELETE FROM waits WHERE run = ?1", [claim.run])?;
    }
    if let Some(event) = event {
        batch.append(event)?;
    }
    Ok(RecordOutcome::Committed(None))
}

pub(super) fn cancel(batch: &mut Batch<'_>, run_id: &str, event: Option<&Entry>) -> Result<bool> {
    let cancelled = batch.transaction.execute(
        "UPDATE runs SET state = 'cancelled', owner = NULL, lease = 0, fence = fence + 1, changed = ?2
         WHERE run = ?1 AND state IN ('running', 'halted')",
        params![run_id, batch.now_in_milliseconds()],
    )?;
    if cancelled == 0 {
        return Ok(false);
    }
    batch
        .transaction
        .execute("DELETE FROM waits WHERE run IN (SELECT id FROM runs WHERE run = ?1)", [run_id])?;
    if let Some(event) = event {
        batch.append(event)?;
    }
    Ok(true)
}

pub(super) fn find(transaction: &Transaction<'_>, run_id: &str) -> Result<Option<RunRecord>> {
    let mut statement = transaction
        .prepare_cached("SELECT id, job, channel, input, state, outcome FROM runs WHERE run = ?1")?;
    let record = statement.query_row([run_id], |row| {
        let outcome = row.get::<_, Option<String>>(5)?.unwrap_or_default();
        let state = match row.get_ref(4)?.as_str()? {
            "halted" => RunState::Halted(outcome),
            "completed" => RunState::Completed(outcome),
            "failed" => RunState::Failed(outcome),
            "cancelled" => RunState::Cancelled,
            _ => RunState::Unfinished { waiting_for: Vec::new() },
        };
        Ok(RunRecord { run: row.get(0)?, job: row.get(1)?, channel: row.get(2)?, input: row.get(3)?, state })
    });
    let Some(mut record) = record.optional()? else { return Ok(None) };
    if let RunState::Unfinished { waiting_for } = &mut record.state {
        *waiting_for = distinct_names(open_questions(transaction, record.run)?);
    }
    Ok(Some(record))
}

pub(super) fn delete_ended(transaction: &Transaction<'_>, before: SystemTime, limit: usize) -> Result<usize> {
    let mut ended = transaction.prepare_cached(
        "SELECT id FROM runs WHERE state NOT IN ('running', 'halted') AND changed < ?1 ORDER BY changed LIMIT 0 + ?2",
    )?;
    let ended = ended.query_map(params![to_milliseconds(before), limit], |row| row.get::<_, RunHandle>(0))?;
    let ended = ended.collect::<Result<Vec<_>>>()?;
    for run in &ended {
        for deletion in [
            "DELETE FROM steps WHERE run = ?1",
            "DELETE FROM waits WHERE run = ?1",
            if bug!(SignalsNotDeleted) {
                "DELETE FROM signals WHERE run = ?1 AND FALSE"
            } else {
                "DELETE FROM signals WHERE run = ?1"
            },
            "DELETE FROM streams WHERE run = ?1",
            "DELETE FROM pieces WHERE run = ?1",
            "DELETE FROM runs WHERE id = ?1",
        ] {
            transaction.prepare_cached(deletion)?.execute([run])?;
        }
    }
    Ok(ended.len())
}

pub(super) fn count(batch: &Batch<'_>) -> Result<RunCounts> {
    let mut statement = batch.transaction.prepare_cached(
        "SELECT state = 'halted', owner IS NOT NULL AND lease >= ?1, due <= ?1, count(*), min(due) FROM runs
         WHERE state IN ('running', 'halted') GROUP BY 1, 2, 3",
    )?;
    let mut counts = RunCounts::default();
    let mut rows = statement.query([batch.now_in_milliseconds()])?;
    while let Some(row) = rows.next()? {
        let runs: u64 = row.get(3)?;
        match (row.get(0)?, row.get(1)?, row.get(2)?) {
            (true, _, _) => counts.halted += runs,
            (false, true, _) => counts.executing += runs,
            (false, false, false) => counts.waiting += runs,
            (false, false, true) => {
                counts.due += runs;
                counts.oldest_due = Some(from_milliseconds(row.get(4)?));
            }
        }
    }
    Ok(counts)
}

pub(super) fn json(texts: &[String]) -> String {
    serde_json::to_string(texts).unwrap_or_else(|_| "[]".into())
}
