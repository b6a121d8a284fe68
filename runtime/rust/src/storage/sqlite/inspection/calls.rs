//! Listing the calls and signals of a run.

use rusqlite::{OptionalExtension, Result, Row, Transaction, params};

use super::super::super::inspection::{CallRow, PageBudget, Rows, SignalRow};
use super::super::super::{Answer, CallKind, CallSite, RunHandle};

/// Lists the calls of a run, and its open questions, by branch and position.
pub(in super::super) fn list(
    transaction: &Transaction<'_>,
    run_id: &str,
    after: Option<&CallSite>,
    limit: usize,
) -> Result<Option<Rows<CallRow, CallSite>>> {
    let Some(run) = find(transaction, run_id)? else { return Ok(None) };
    let (branch, position) = after.map_or(("", -1), |site| (site.branch.as_str(), i64::from(site.position)));
    let mut statement = transaction.prepare_cached(
        "SELECT branch, position, kind, id, value, error, failures, due, began, at, NULL FROM steps
         WHERE run = ?1 AND (branch, position) > (?2, ?3)
         UNION ALL
         SELECT branch, position, 'wait', id, NULL, NULL, 0, until, since, 0, names FROM waits
         WHERE run = ?1 AND (branch, position) > (?2, ?3)
         ORDER BY 1, 2",
    )?;
    let mut rows = statement.query(params![run, branch, position])?;
    let (mut calls, mut budget) = (Vec::<CallRow>::new(), PageBudget::new(limit));
    while let Some(row) = rows.next()? {
        let bytes = text_bytes(row, 3)? + text_bytes(row, 4)? + text_bytes(row, 5)? + text_bytes(row, 10)?;
        if !budget.add(128 + bytes) {
            let next = calls.last().map(|call| call.site.clone());
            return Ok(Some(Rows { rows: calls, next }));
        }
        calls.push(read_call(row)?);
    }
    Ok(Some(Rows { rows: calls, next: None }))
}

fn text_bytes(row: &Row<'_>, column: usize) -> Result<usize> {
    Ok(row.get_ref(column)?.as_str_or_null()?.map_or(0, str::len))
}

fn read_call(row: &Row<'_>) -> Result<CallRow> {
    let kind: String = row.get(2)?;
    let names: Option<String> = row.get(10)?;
    Ok(CallRow {
        site: CallSite { branch: row.get(0)?, position: row.get(1)? },
        kind: CallKind::ALL.into_iter().find(|known| known.name() == kind).unwrap_or(CallKind::Step),
        id: row.get(3)?,
        value: row.get(4)?,
        error: row.get(5)?,
        failures: row.get(6)?,
        due: row.get(7)?,
        began: row.get(8)?,
        ended: row.get(9)?,
        names: names.map(|names| serde_json::from_str(&names).unwrap_or_default()),
    })
}

/// Lists the signals of a run, the oldest first.
pub(super) fn list_signals(
    transaction: &Transaction<'_>,
    run_id: &str,
    after: i64,
    limit: usize,
) -> Result<Option<Rows<SignalRow, i64>>> {
    let Some(run) = find(transaction, run_id)? else { return Ok(None) };
    let mut statement = transaction.prepare_cached(
        "SELECT id, name, payload, sender, at, state FROM signals INDEXED BY signals_by_arrival
         WHERE run = ?1 AND id > ?2 ORDER BY id",
    )?;
    let mut rows = statement.query(params![run, after])?;
    let (mut signals, mut budget, mut last) = (Vec::new(), PageBudget::new(limit), after);
    while let Some(row) = rows.next()? {
        let signal = Answer { name: row.get(1)?, payload: row.get(2)?, by: row.get(3)?, at: row.get(4)? };
        if !budget.add(128 + signal.name.len() + signal.payload.len()) {
            return Ok(Some(Rows { rows: signals, next: Some(last) }));
        }
        last = row.get(0)?;
        signals.push(SignalRow { signal, status: row.get(5)? });
    }
    Ok(Some(Rows { rows: signals, next: None }))
}

fn find(transaction: &Transaction<'_>, run_id: &str) -> Result<Option<RunHandle>> {
    let mut statement = transaction.prepare_cached("SELECT id FROM runs WHERE run = ?1")?;
    statement.query_row([run_id], |row| row.get(0)).optional()
}
