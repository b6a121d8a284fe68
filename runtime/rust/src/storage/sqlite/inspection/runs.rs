//! Listing runs.

use rusqlite::{OptionalExtension, Result, Row, ToSql, Transaction, params};

use super::super::super::RunHandle;
use super::super::super::inspection::{
    PageBudget, Rows, RunActivity, RunDetailsRow, RunQuery, RunRow, RunStateName,
};
use super::super::super::journal::questions::{distinct_names, unanswered};
use super::super::super::sql::load_questions;
use super::super::statements::{Statements, finish};

/// The columns that [`read_row`] reads. The result of a completed run may be large, so it is left out.
const COLUMNS: &str = "id, run, job, channel, state, due, failures, owner IS NOT NULL, lease, created, changed, origin, origin_call, CASE WHEN state IN ('halted', 'failed') THEN outcome END";

/// Rows that a statement returned, newest first.
struct Source {
    rows: Vec<RunRow>,
    /// If there may be more matching rows, they have smaller numbers than this.
    rest_before: Option<i64>,
}

/// Lists runs, the newest first.
pub(in super::super) fn list(
    transaction: &Transaction<'_>,
    query: &RunQuery,
    now: i64,
) -> Result<Rows<RunRow, i64>> {
    let mut before = query.before.unwrap_or(i64::MAX);
    if let Some(time) = query.created_before {
        before = before.min(first_created_at(transaction, time)?);
    }
    let from = query.created_after.map_or(Ok(0), |time| first_created_at(transaction, time))?;
    let mut sources = Vec::new();
    let is_wanted = |state: RunStateName| query.states.is_empty() || query.states.contains(&state);
    if let Some(channel) = &query.channel {
        let sql = format!(
            "SELECT {COLUMNS} FROM runs INDEXED BY runs_by_channel
             WHERE channel = ?3 AND id < ?1 AND id >= ?2 ORDER BY id DESC"
        );
        sources.push(read_source(transaction, &sql, params![before, from, channel], query, now)?);
    } else if query.job.is_none() && query.states.is_empty() && query.activity.is_none() {
        let sql = format!("SELECT {COLUMNS} FROM runs WHERE id < ?1 AND id >= ?2 ORDER BY id DESC");
        sources.push(read_source(transaction, &sql, params![before, from], query, now)?);
    } else {
        if is_wanted(RunStateName::Running) || is_wanted(RunStateName::Halted) {
            let sql = format!(
                "SELECT {COLUMNS} FROM runs INDEXED BY open_runs
                 WHERE state IN ('running', 'halted') AND id < ?1 AND id >= ?2 ORDER BY id DESC"
            );
            sources.push(read_source(transaction, &sql, params![before, from], query, now)?);
        }
        let ended = [RunStateName::Completed, RunStateName::Failed, RunStateName::Cancelled];
        // Only running runs have an activity.
        for state in ended.into_iter().filter(|state| is_wanted(*state) && query.activity.is_none()) {
            let state = state.as_str();
            sources.push(if let Some(job) = &query.job {
                let sql = format!(
                    "SELECT {COLUMNS} FROM runs INDEXED BY ended_runs_by_job
                     WHERE job = ?4 AND state = ?3 AND state NOT IN ('running', 'halted')
                     AND id < ?1 AND id >= ?2 ORDER BY id DESC"
                );
                read_source(transaction, &sql, params![before, from, state, job], query, now)?
            } else {
                let sql = format!(
                    "SELECT {COLUMNS} FROM runs INDEXED BY ended_runs_by_state
                     WHERE state = ?3 AND state NOT IN ('running', 'halted')
                     AND id < ?1 AND id >= ?2 ORDER BY id DESC"
                );
                read_source(transaction, &sql, params![before, from, state], query, now)?
            });
        }
    }
    Ok(merge(sources, query.limit))
}

/// Reads the rows of a statement that match a query.
fn read_source(
    transaction: &Transaction<'_>,
    sql: &str,
    parameters: &[&dyn ToSql],
    query: &RunQuery,
    now: i64,
) -> Result<Source> {
    let mut statement = transaction.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    let (mut found, mut budget) = (Vec::new(), PageBudget::new(query.limit));
    let mut rest_before = None;
    while let Some(row) = rows.next()? {
        let number: i64 = row.get(0)?;
        let has_budget = budget.examine(1);
        let run = if has_budget { read_matching(transaction, row, query, now, &mut budget)? } else { None };
        let fits = run.as_ref().is_none_or(|run| budget.add(bytes(run)));
        if !has_budget || !fits {
            rest_before = Some(number + 1);
            break;
        }
        found.extend(run);
    }
    Ok(Source { rows: found, rest_before })
}

fn bytes(run: &RunRow) -> usize {
    let names: usize = run.waiting_for.iter().map(|name| name.len() + 3).sum();
    let error = run.error.as_ref().map_or(0, String::len);
    256 + run.run_id.len() + run.job.len() + run.channel.len() + names + error
}

/// Reads a run if it matches a query. Cheap conditions come first.
fn read_matching(
    transaction: &Transaction<'_>,
    row: &Row<'_>,
    query: &RunQuery,
    now: i64,
    budget: &mut PageBudget,
) -> Result<Option<RunRow>> {
    if let Some(job) = &query.job
        && row.get_ref(2)?.as_str()? != job
    {
        return Ok(None);
    }
    let state = read_state(row)?;
    if !query.states.is_empty() && !query.states.contains(&state) {
        return Ok(None);
    }
    if let Some(activity) = query.activity {
        let (is_held, is_due) = (is_held(row, now)?, row.get::<_, i64>(5)? <= now);
        let is_possible = match activity {
            RunActivity::Executing => is_held,
            RunActivity::Due => !is_held && is_due,
            _ => !is_held && !is_due,
        };
        if state != RunStateName::Running || !is_possible {
            return Ok(None);
        }
    }
    let run = read_row(transaction, row, now, budget)?;
    Ok(Some(run).filter(|run| query.activity.is_none() || run.activity == query.activity))
}

fn read_state(row: &Row<'_>) -> Result<RunStateName> {
    let state = row.get_ref(4)?.as_str()?;
    let known = RunStateName::ALL.into_iter().find(|known| known.as_str() == state);
    Ok(known.unwrap_or(RunStateName::Running))
}

fn read_row(
    transaction: &Transaction<'_>,
    row: &Row<'_>,
    now: i64,
    budget: &mut PageBudget,
) -> Result<RunRow> {
    let (handle, state) = (row.get::<_, RunHandle>(0)?, read_state(row)?);
    let (due, failures): (i64, u32) = (row.get(5)?, row.get(6)?);
    let is_held = is_held(row, now)?;
    let waiting_for = match state {
        RunStateName::Running | RunStateName::Halted => {
            let questions = unanswered(finish(load_questions(&mut Statements(transaction), handle))?);
            budget.examine(questions.len());
            distinct_names(questions)
        }
        _ => Vec::new(),
    };
    let activity = match state {
        RunStateName::Running if is_held => Some(RunActivity::Executing),
        RunStateName::Running if due <= now => Some(RunActivity::Due),
        RunStateName::Running if !waiting_for.is_empty() => Some(RunActivity::Waiting),
        RunStateName::Running if failures > 0 || has_pending_retry(transaction, handle, now)? => {
            Some(RunActivity::Retrying)
        }
        RunStateName::Running => Some(RunActivity::Sleeping),
        _ => None,
    };
    Ok(RunRow {
        number: row.get(0)?,
        run_id: row.get(1)?,
        job: row.get(2)?,
        channel: row.get(3)?,
        state,
        activity,
        waiting_for,
        due: Some(due).filter(|_| activity.is_some_and(|activity| activity != RunActivity::Executing)),
        failures,
        error: row.get(13)?,
        created: row.get(9)?,
        changed: row.get(10)?,
        origin: row.get::<_, Option<String>>(11)?.zip(row.get(12)?),
    })
}

/// Returns whether a process holds the run.
fn is_held(row: &Row<'_>, now: i64) -> Result<bool> {
    Ok(row.get(7)? && row.get::<_, i64>(8)? >= now)
}

fn has_pending_retry(transaction: &Transaction<'_>, run: RunHandle, now: i64) -> Result<bool> {
    let mut statement = transaction.prepare_cached(
        "SELECT 1 FROM steps INDEXED BY begun_steps_by_run
         WHERE run = ?1 AND value IS NULL AND error IS NULL AND due > ?2",
    )?;
    statement.exists(params![run, now])
}

/// Returns the smallest number from which on runs were created at or after a time. Numbers ascend with the time. Runs
/// without a recorded time are older than all others.
fn first_created_at(transaction: &Transaction<'_>, time: i64) -> Result<i64> {
    let last =
        transaction.query_row("SELECT coalesce(max(id), 0) FROM runs", [], |row| row.get::<_, i64>(0))?;
    let mut statement = transaction
        .prepare_cached("SELECT id, coalesce(created, 0) FROM runs WHERE id >= ?1 ORDER BY id LIMIT 1")?;
    let (mut low, mut high) = (0, last + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let next: Option<(i64, i64)> =
            statement.query_row([middle], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        match next {
            Some((id, created)) if created < time => low = id + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}

/// Merges the rows of all sources. Leaves rows to the next page if a source may have more rows before them.
fn merge(sources: Vec<Source>, limit: usize) -> Rows<RunRow, i64> {
    let rest_before = sources.iter().filter_map(|source| source.rest_before).max();
    let mut rows: Vec<RunRow> = sources.into_iter().flat_map(|source| source.rows).collect();
    rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.number));
    let (mut budget, mut kept) = (PageBudget::new(limit), 0);
    while rows
        .get(kept)
        .is_some_and(|row| rest_before.is_none_or(|rest| row.number >= rest) && budget.add(bytes(row)))
    {
        kept += 1;
    }
    let cut = rows.get(kept).map(|row| row.number + 1);
    rows.truncate(kept);
    Rows { rows, next: cut.max(rest_before) }
}

/// Returns a run with its input and its result.
pub(super) fn read(transaction: &Transaction<'_>, run_id: &str, now: i64) -> Result<Option<RunDetailsRow>> {
    let mut statement = transaction.prepare_cached(&format!(
        "SELECT {COLUMNS}, input, CASE WHEN state = 'completed' THEN outcome END FROM runs WHERE run = ?1"
    ))?;
    let mut rows = statement.query([run_id])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let run = read_row(transaction, row, now, &mut PageBudget::new(1))?;
    Ok(Some(RunDetailsRow { run, input: row.get(14)?, result: row.get(15)? }))
}
