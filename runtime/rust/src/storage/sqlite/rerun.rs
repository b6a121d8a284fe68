//! Running a job again from a call on: a new run that begins with part of another run's journal.

use rusqlite::{OptionalExtension, Result, Transaction, params};

use super::super::{CallSite, Entry, RerunEffect, RunHandle};
use super::batch::Batch;
use super::lost_branches::Decisions;

/// Adds a run that begins with the calls before the call of the job at `position`: those at smaller positions of the
/// job, and those in the branches of forks there. A branch starts with the position of its fork in the job.
pub(super) fn rerun(
    batch: &mut Batch<'_>,
    run_id: &str,
    position: u32,
    new_run_id: &str,
    event: &Entry,
) -> Result<RerunEffect> {
    let (transaction, now) = (batch.transaction, batch.now_in_milliseconds());
    let Some(run) = find(transaction, run_id)? else { return Ok(RerunEffect::NoRun) };
    let call = position.to_string();
    if find(transaction, new_run_id)?.is_some() {
        let mut same = transaction
            .prepare_cached("SELECT 1 FROM runs WHERE run = ?1 AND origin = ?2 AND origin_call = ?3")?;
        let is_same = same.exists(params![new_run_id, run_id, call])?;
        return Ok(if is_same { RerunEffect::Existing } else { RerunEffect::RunExists });
    }
    if !has_call(transaction, run, position)? {
        return Ok(RerunEffect::NoCall);
    }
    if let Some(unfinished) = find_unfinished(transaction, run, position)? {
        return Ok(RerunEffect::UnfinishedCall(unfinished));
    }
    let mut add = transaction.prepare_cached(
        "INSERT INTO runs (run, job, channel, input, state, due, changed, created, origin, origin_call)
         SELECT ?2, job, channel, input, 'running', ?3, ?3, ?3, run, ?4 FROM runs WHERE id = ?1",
    )?;
    add.execute(params![run, new_run_id, now, call])?;
    let new = transaction.last_insert_rowid();
    let mut copy = transaction.prepare_cached(
        "INSERT INTO steps (run, branch, position, kind, id, value, error, failures, due, at, began, began_with)
         SELECT ?2, branch, position, kind, id, value, error, failures, due, at, began, began_with
         FROM steps
         WHERE run = ?1 AND CASE branch WHEN '' THEN position ELSE CAST(branch AS INTEGER) END < ?3",
    )?;
    copy.execute(params![run, new, position])?;
    batch.append(event)?;
    Ok(RerunEffect::New)
}

fn find(transaction: &Transaction<'_>, run_id: &str) -> Result<Option<RunHandle>> {
    let mut statement = transaction.prepare_cached("SELECT id FROM runs WHERE run = ?1")?;
    statement.query_row([run_id], |row| row.get(0)).optional()
}

/// Returns whether the job has recorded or begun a call at a position, or a fork there has.
fn has_call(transaction: &Transaction<'_>, run: RunHandle, position: u32) -> Result<bool> {
    let mut statement = transaction.prepare_cached(
        "SELECT 1 FROM steps WHERE run = ?1 AND branch = '' AND position = ?2
         UNION ALL SELECT 1 FROM waits WHERE run = ?1 AND branch = '' AND position = ?2
         UNION ALL SELECT 1 FROM steps WHERE run = ?1 AND branch >= ?2 || '.' AND branch < ?2 || '/'
         UNION ALL SELECT 1 FROM waits WHERE run = ?1 AND branch >= ?2 || '.' AND branch < ?2 || '/'",
    )?;
    statement.exists(params![run, position])
}

/// Returns a call to keep that has not ended. Those in branches that lost are not executed again, so they may be
/// unfinished.
fn find_unfinished(transaction: &Transaction<'_>, run: RunHandle, position: u32) -> Result<Option<CallSite>> {
    let decisions = Decisions::load(transaction, run)?;
    let mut statement = transaction.prepare_cached(
        "SELECT branch, position FROM steps WHERE run = ?1 AND value IS NULL AND error IS NULL
         AND CASE branch WHEN '' THEN position ELSE CAST(branch AS INTEGER) END < ?2
         UNION ALL
         SELECT branch, position FROM waits WHERE run = ?1
         AND CASE branch WHEN '' THEN position ELSE CAST(branch AS INTEGER) END < ?2",
    )?;
    let rows = statement.query_map(params![run, position], |row| {
        Ok(CallSite { branch: row.get(0)?, position: row.get(1)? })
    })?;
    let unfinished = rows.collect::<Result<Vec<_>>>()?;
    Ok(unfinished.into_iter().find(|site| !decisions.is_lost(site)))
}
