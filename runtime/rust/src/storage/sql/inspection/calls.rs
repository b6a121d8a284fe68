//! Listing the calls and signals of a run.

use super::super::questions::read_names;
use super::super::{Row, SqlTransaction};
use super::CHUNK;
use crate::storage::inspection::{CallRow, PageBudget, Rows, SignalRow};
use crate::storage::{Answer, CallKind, CallSite, RunHandle};

/// Lists the calls of a run, and its open questions, by branch and position.
pub(in crate::storage) async fn list<T: SqlTransaction>(
    sql: &mut T,
    run_id: &str,
    after: Option<&CallSite>,
    limit: usize,
) -> Result<Option<Rows<CallRow, CallSite>>, T::Error> {
    let Some(run) = find(sql, run_id).await? else { return Ok(None) };
    let (mut calls, mut budget) = (Vec::<CallRow>::new(), PageBudget::new(limit));
    let mut last = after.cloned();
    loop {
        let (branch, position) =
            last.as_ref().map_or(("", -1), |site| (site.branch.as_str(), i64::from(site.position)));
        let mut rows = sql
            .query(
                "SELECT branch, position, kind, id, value, error, failures, due, began, at, NULL FROM steps
                 WHERE run = ?1 AND (branch, position) > (?2, ?3)
                 UNION ALL
                 SELECT branch, position, 'wait', id, NULL, NULL, 0, until, since, 0, names FROM waits
                 WHERE run = ?1 AND (branch, position) > (?2, ?3)
                 ORDER BY 1, 2 LIMIT 0 + ?4",
                &[run.into(), branch.into(), position.into(), CHUNK.into()],
            )
            .await?;
        let is_last = !super::is_full(&rows);
        for row in &mut rows {
            let call = read_call(row);
            if !budget.add(128 + bytes(&call)) {
                let next = calls.last().map(|call| call.site.clone());
                return Ok(Some(Rows { rows: calls, next }));
            }
            last = Some(call.site.clone());
            calls.push(call);
        }
        if is_last {
            return Ok(Some(Rows { rows: calls, next: None }));
        }
    }
}

fn bytes(call: &CallRow) -> usize {
    let texts = [Some(&call.id), call.value.as_ref(), call.error.as_ref()];
    let names = call.names.iter().flatten().map(|name| name.len() + 3);
    texts.into_iter().flatten().map(String::len).chain(names).sum()
}

fn read_call(row: &mut Row) -> CallRow {
    let kind = row.text(2);
    CallRow {
        site: CallSite { branch: row.text(0), position: row.count(1) },
        kind: CallKind::ALL.into_iter().find(|known| known.name() == kind).unwrap_or(CallKind::Step),
        id: row.text(3),
        value: row.optional_text(4),
        error: row.optional_text(5),
        failures: row.count(6),
        due: row.int(7),
        began: row.optional_int(8),
        ended: row.int(9),
        names: row.optional_text(10).map(|names| read_names(&names)),
    }
}

/// Lists the signals of a run, the oldest first.
pub(in crate::storage) async fn list_signals<T: SqlTransaction>(
    sql: &mut T,
    run_id: &str,
    after: i64,
    limit: usize,
) -> Result<Option<Rows<SignalRow, i64>>, T::Error> {
    let Some(run) = find(sql, run_id).await? else { return Ok(None) };
    let (mut signals, mut budget, mut last) = (Vec::new(), PageBudget::new(limit), after);
    loop {
        let mut rows = sql
            .query(
                "SELECT id, name, payload, sender, at, state FROM signals INDEXED BY signals_by_arrival
                 WHERE run = ?1 AND id > ?2 ORDER BY id LIMIT 0 + ?3",
                &[run.into(), last.into(), CHUNK.into()],
            )
            .await?;
        let is_last = !super::is_full(&rows);
        for row in &mut rows {
            let (name, payload, by) = (row.text(1), row.text(2), row.optional_text(3));
            let signal = Answer { name, payload, by, at: row.int(4) };
            if !budget.add(128 + signal.name.len() + signal.payload.len()) {
                return Ok(Some(Rows { rows: signals, next: Some(last) }));
            }
            last = row.int(0);
            signals.push(SignalRow { signal, status: row.text(5) });
        }
        if is_last {
            return Ok(Some(Rows { rows: signals, next: None }));
        }
    }
}

async fn find<T: SqlTransaction>(sql: &mut T, run_id: &str) -> Result<Option<RunHandle>, T::Error> {
    let rows = sql.query("SELECT id FROM runs WHERE run = ?1", &[run_id.into()]).await?;
    Ok(rows.first().map(|row| RunHandle(row.int(0))))
}
