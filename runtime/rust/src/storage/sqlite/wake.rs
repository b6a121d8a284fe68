//! Ending the sleeps of a run, and the delays before its next attempts, early.

use rusqlite::{OptionalExtension, Result, Transaction, params};

use super::super::{CallSite, RunHandle, WakeEffect};
use super::batch::Batch;
use super::lost_branches::Decisions;

/// A sleep or a delay that is not over.
struct Pause {
    site: CallSite,
    /// It is the time limit of `run.timeout`, or a sleep without an id.
    is_time_limit: bool,
}

/// Ends the sleeps and delays of a run that no process holds, or only the one at a site.
pub(super) fn wake(batch: &Batch<'_>, run_id: &str, site: Option<&CallSite>) -> Result<WakeEffect> {
    let (transaction, now) = (batch.transaction, batch.now_in_milliseconds());
    let mut statement = transaction.prepare_cached(
        "SELECT id, owner IS NOT NULL AND lease >= ?2, state = 'running' AND failures > 0 AND due > ?2,
         state = 'running' FROM runs WHERE run = ?1",
    )?;
    let found = statement
        .query_row(params![run_id, now], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
    let Some((run, is_held, is_delayed, is_running)): Option<(RunHandle, bool, bool, bool)> =
        found.optional()?
    else {
        return Ok(WakeEffect::NoRun);
    };
    if !is_running {
        return Ok(WakeEffect::NotSleeping);
    }
    if is_held {
        return Ok(WakeEffect::Executing);
    }
    let mut pauses = list_pauses(transaction, run, now)?;
    pauses.retain(|pause| match site {
        Some(site) => pause.site == *site,
        None => !pause.is_time_limit,
    });
    let woken = pauses.len() + usize::from(is_delayed && site.is_none());
    if woken == 0 {
        return Ok(WakeEffect::NotSleeping);
    }
    let mut end = transaction.prepare_cached(
        "UPDATE steps SET value = CASE kind WHEN 'sleep' THEN CAST(?4 AS TEXT) END, due = ?4
         WHERE run = ?1 AND branch = ?2 AND position = ?3",
    )?;
    for Pause { site: CallSite { branch, position }, .. } in &pauses {
        end.execute(params![run, branch, position, now])?;
    }
    // With another fence, no process continues an execution in memory, which waits for the former time.
    let mut make_due =
        transaction.prepare_cached("UPDATE runs SET due = min(due, ?2), fence = fence + 1 WHERE id = ?1")?;
    make_due.execute(params![run, now])?;
    Ok(WakeEffect::Woken(woken))
}

/// Returns the pauses of a run that are not over, except in branches that lost.
fn list_pauses(transaction: &Transaction<'_>, run: RunHandle, now: i64) -> Result<Vec<Pause>> {
    let decisions = Decisions::load(transaction, run)?;
    let mut statement = transaction.prepare_cached(
        "SELECT branch, position, kind = 'sleep' AND id = '' FROM steps
         WHERE run = ?1 AND error IS NULL AND CASE
             WHEN kind = 'sleep' THEN CAST(value AS INTEGER) > ?2
             ELSE value IS NULL AND due > ?2 END",
    )?;
    let rows = statement.query_map(params![run, now], |row| {
        let site = CallSite { branch: row.get(0)?, position: row.get(1)? };
        Ok(Pause { site, is_time_limit: row.get(2)? })
    })?;
    let mut pauses = rows.collect::<Result<Vec<_>>>()?;
    pauses.retain(|pause| !decisions.is_lost(&pause.site));
    Ok(pauses)
}
