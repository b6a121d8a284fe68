//! Runs in tables.

use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension, Result, Transaction, params};

use super::super::{
    Claimed, End, Entry, Hold, NewRun, Recorded, RunRecord, Settled, Step, StepKind, Taken, Wait, WaitEnd,
    Waited,
};
use super::batch::Batch;
use super::messages::Outcome;
use super::process;
use super::schema::{milliseconds, time};

/// Frees what processes held that are gone, and what was halted for its code.
pub(super) fn enter(batch: &Batch<'_>, jobs: &[String]) -> Result<()> {
    for owner in process::take_gone(batch.transaction)? {
        release(batch.transaction, owner)?;
    }
    batch.transaction.execute(
        "UPDATE runs SET state = 'running', due = ?2 WHERE state = 'halted' AND job IN (SELECT value FROM json_each(?1))",
        params![json(jobs), now()],
    )?;
    Ok(())
}

/// Frees all runs that a process holds.
pub(super) fn release(connection: &Connection, owner: u32) -> Result<()> {
    connection.execute("UPDATE runs SET owner = NULL, lease = 0 WHERE owner = ?1", [owner])?;
    Ok(())
}

pub(super) fn add(batch: &mut Batch<'_>, run: &NewRun, news: &Entry) -> Result<bool> {
    let mut statement = batch.transaction.prepare_cached(
        "INSERT INTO runs (run, job, channel, input, state, due, failures, progress, owner, lease, fence, changed)
         VALUES (?1, ?2, ?3, ?4, 'running', ?5, 0, 0, NULL, 0, 0, ?5) ON CONFLICT DO NOTHING",
    )?;
    let added = statement.execute(params![run.run_id, run.job, run.channel, run.input, now()])? == 1;
    if added {
        batch.append(news)?;
    }
    Ok(added)
}

pub(super) fn claim(
    transaction: &Transaction<'_>,
    owner: u32,
    jobs: &[String],
    lease: SystemTime,
    most: usize,
) -> Result<Vec<Claimed>> {
    let mut statement = transaction.prepare_cached(
        "UPDATE runs SET owner = ?1, lease = ?2, fence = fence + 1 WHERE id IN (
             SELECT id FROM runs WHERE state = 'running' AND due <= ?3 AND lease < ?3
             AND job IN (SELECT value FROM json_each(?4)) ORDER BY due LIMIT ?5)
         RETURNING id, fence, run, job, channel, input, failures",
    )?;
    let rows = statement.query_map(params![owner, milliseconds(lease), now(), json(jobs), most], |row| {
        Ok(Claimed {
            hold: Hold { row: row.get(0)?, fence: row.get(1)? },
            run: NewRun { run_id: row.get(2)?, job: row.get(3)?, channel: row.get(4)?, input: row.get(5)? },
            failures: row.get(6)?,
            steps: Vec::new(),
        })
    })?;
    let mut claimed = rows.collect::<Result<Vec<_>>>()?;
    for run in &mut claimed {
        run.steps = steps(transaction, run.hold.row)?;
    }
    Ok(claimed)
}

fn steps(transaction: &Transaction<'_>, row: i64) -> Result<Vec<Step>> {
    let mut statement = transaction
        .prepare_cached("SELECT position, key, kind, value FROM steps WHERE run = ?1 ORDER BY position")?;
    let rows = statement.query_map([row], |row| {
        let kind: String = row.get(2)?;
        let kind = StepKind::ALL.into_iter().find(|known| known.name() == kind);
        Ok(Step {
            position: row.get(0)?,
            key: row.get(1)?,
            kind: kind.unwrap_or(StepKind::Step),
            value: row.get(3)?,
        })
    })?;
    rows.collect()
}

/// Leaves alone what the process holds and does not execute, as its end could not be written down: its
/// lease must end.
pub(super) fn extend(
    transaction: &Transaction<'_>,
    owner: u32,
    holds: &[Hold],
    lease: SystemTime,
) -> Result<Vec<Hold>> {
    let mut statement = transaction.prepare_cached(
        "UPDATE runs SET lease = ?4 WHERE id = ?1 AND fence = ?2 AND owner = ?3 AND state = 'running'",
    )?;
    let mut held = Vec::new();
    for hold in holds {
        if statement.execute(params![hold.row, hold.fence, owner, milliseconds(lease)])? == 1 {
            held.push(*hold);
        }
    }
    Ok(held)
}

/// Whether a run is still in these hands.
fn is_held(transaction: &Transaction<'_>, hold: Hold) -> Result<bool> {
    let mut statement = transaction
        .prepare_cached("SELECT 1 FROM runs WHERE id = ?1 AND fence = ?2 AND state = 'running'")?;
    statement.exists(params![hold.row, hold.fence])
}

pub(super) fn record(
    batch: &mut Batch<'_>,
    hold: Hold,
    step: &Step,
    message: Option<&Entry>,
) -> Result<Recorded> {
    if !is_held(batch.transaction, hold)? {
        return Ok(Recorded::Lost);
    }
    let mut id = None;
    if let Some(message) = message
        && let Outcome::Kept(kept) = batch.append(message)?
    {
        id = Some(kept);
        failpoint!("between-message-and-step");
    }
    let value = id.map_or_else(|| step.value.clone(), |id| format!("\"{id}\""));
    write(batch.transaction, hold.row, step.position, &step.key, step.kind, &value)?;
    Ok(Recorded::Kept(id))
}

fn write(
    transaction: &Transaction<'_>,
    row: i64,
    position: u32,
    key: &str,
    kind: StepKind,
    value: &str,
) -> Result<()> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO steps (run, position, key, kind, value, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    statement.execute(params![row, position, key, kind.name(), value, now()])?;
    Ok(())
}

pub(super) fn wait(transaction: &Transaction<'_>, hold: Hold, wait: &Wait) -> Result<Waited> {
    if !is_held(transaction, hold)? {
        return Ok(Waited::Lost);
    }
    let (row, names) = (hold.row, json(&wait.names));
    let mut begun = transaction.prepare_cached("INSERT OR IGNORE INTO waits VALUES (?1, ?2, ?3, ?4, ?5)")?;
    begun.execute(params![row, wait.position, names, now(), milliseconds(wait.until)])?;
    let mut sent = transaction.prepare_cached(
        "SELECT id, name, payload, sender, at FROM signals
         WHERE run = ?1 AND taken IS NULL AND name IN (SELECT value FROM json_each(?2)) ORDER BY id LIMIT 1",
    )?;
    let sent = sent.query_row(params![row, names], |row| {
        let taken = Taken { name: row.get(1)?, payload: row.get(2)?, by: row.get(3)?, at: row.get(4)? };
        Ok((row.get::<_, i64>(0)?, taken))
    });
    let taken = if let Some((id, taken)) = sent.optional()? {
        transaction.execute("UPDATE signals SET taken = ?2 WHERE id = ?1", params![id, wait.position])?;
        failpoint!("between-signal-and-step");
        Some(taken)
    } else {
        let until = transaction.query_row(
            "SELECT until FROM waits WHERE run = ?1 AND position = ?2",
            params![row, wait.position],
            |row| row.get(0),
        )?;
        if until > now() {
            return Ok(Waited::Until(time(until)));
        }
        None
    };
    transaction.execute("DELETE FROM waits WHERE run = ?1 AND position = ?2", params![row, wait.position])?;
    let end = WaitEnd { names: wait.names.clone(), taken };
    // Strings and numbers, which JSON has.
    let value = serde_json::to_string(&end).unwrap_or_default();
    write(transaction, row, wait.position, &wait.key, StepKind::Wait, &value)?;
    Ok(Waited::Done(value))
}

pub(super) fn settle(batch: &mut Batch<'_>, hold: Hold, end: &End, news: &Entry) -> Result<Settled> {
    if !is_held(batch.transaction, hold)? {
        return Ok(Settled::Lost);
    }
    let mut statement = batch.transaction.prepare_cached(
        "UPDATE runs SET state = ?2, outcome = ?3, due = ?4, failures = ?5,
         progress = (SELECT count(*) FROM steps WHERE run = ?1), owner = NULL, lease = 0, changed = ?6
         WHERE id = ?1",
    )?;
    let (state, outcome, due, failures) = match end {
        End::Completed(result) => ("completed", Some(result), 0, 0),
        End::Failed(error) => ("failed", Some(error), 0, 0),
        End::Halted(why) => ("halted", Some(why), 0, 0),
        End::Retry { at, failures } => ("running", None, milliseconds(*at), *failures),
    };
    statement.execute(params![hold.row, state, outcome, due, failures, now()])?;
    if matches!(end, End::Completed(_) | End::Failed(_)) {
        batch.transaction.execute("DELETE FROM waits WHERE run = ?1", [hold.row])?;
    }
    batch.append(news)?;
    Ok(Settled::Kept)
}

pub(super) fn cancel(batch: &mut Batch<'_>, run_id: &str, news: &Entry) -> Result<Settled> {
    let cancelled = batch.transaction.execute(
        "UPDATE runs SET state = 'cancelled', owner = NULL, lease = 0, fence = fence + 1, changed = ?2
         WHERE run = ?1 AND state IN ('running', 'halted')",
        params![run_id, now()],
    )?;
    if cancelled == 0 {
        return Ok(Settled::Lost);
    }
    batch
        .transaction
        .execute("DELETE FROM waits WHERE run IN (SELECT id FROM runs WHERE run = ?1)", [run_id])?;
    batch.append(news)?;
    Ok(Settled::Kept)
}

pub(super) fn find(transaction: &Transaction<'_>, run_id: &str) -> Result<Option<RunRecord>> {
    let mut statement = transaction.prepare_cached(
        "SELECT channel, state, (SELECT count(*) FROM steps WHERE steps.run = runs.id), outcome
         FROM runs WHERE run = ?1",
    )?;
    let record = statement.query_row([run_id], |row| {
        Ok(RunRecord { channel: row.get(0)?, state: row.get(1)?, steps: row.get(2)?, outcome: row.get(3)? })
    });
    record.optional()
}

pub(super) fn now() -> i64 {
    milliseconds(SystemTime::now())
}

fn json(texts: &[String]) -> String {
    serde_json::to_string(texts).unwrap_or_else(|_| "[]".into())
}
