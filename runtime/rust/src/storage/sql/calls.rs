//! The calls of runs in SQL.

use super::{Param, Row, SqlJournal};
use crate::clock::to_milliseconds;
use crate::storage::journal::rows::{CallOutline, CallRows, ClosedQuestionRow, NewCall};
use crate::storage::{CallKind, CallSite, Claim, Outcome, RecordedCall, RunHandle};

/// Returns the columns of a call after those that identify it: its kind, id, value, error, failures, due time, the time
/// when it was recorded, and when and with what it began.
fn columns<'c>(call: &NewCall<'c>) -> [Param<'c>; 9] {
    let (value, error, failures, due) = match call.outcome {
        Outcome::Value(value) => (Some(value.as_str()), None, 0, 0),
        Outcome::Error(error) => (None, Some(error.as_str()), 0, 0),
        Outcome::Begun { failures, due } => (None, None, *failures, *due),
    };
    [
        call.kind.name().into(),
        call.id.into(),
        value.into(),
        error.into(),
        failures.into(),
        due.into(),
        call.at.into(),
        to_milliseconds(call.start.at).into(),
        call.start.began_with.as_str().into(),
    ]
}

/// Returns the parameters that identify a call.
pub(super) fn at(run: RunHandle, site: &CallSite) -> [Param<'_>; 3] {
    [run.into(), site.branch.as_str().into(), site.position.into()]
}

pub(super) fn read_site(row: &mut Row) -> CallSite {
    CallSite { branch: row.text(0), position: row.count(1) }
}

/// Reads the columns `branch, position, kind, id, value, error, failures, due`.
fn read_call(row: &mut Row) -> RecordedCall {
    let kind = row.text(2);
    let outcome = match (row.optional_text(4), row.optional_text(5)) {
        (Some(value), _) => Outcome::Value(value),
        (None, Some(error)) => Outcome::Error(error),
        (None, None) => Outcome::Begun { failures: row.count(6), due: row.int(7) },
    };
    RecordedCall {
        site: read_site(row),
        kind: CallKind::ALL.into_iter().find(|known| known.name() == kind).unwrap_or(CallKind::Step),
        id: row.text(3),
        outcome,
    }
}

/// Returns the names of branches between which the branches of a fork are, at any depth. They start with `3.`, so they
/// sort before `3/`: the slash is the character after the dot.
fn branch_range(fork: &CallSite) -> (String, String) {
    let first = fork.child(0);
    let prefix = first.trim_end_matches('0');
    (prefix.to_owned(), format!("{}/", prefix.trim_end_matches('.')))
}

impl<T: SqlJournal> CallRows for T {
    async fn record_new_call(&mut self, claim: Claim, call: &NewCall<'_>) -> Result<bool, Self::Failure> {
        let [kind, id, value, error, failures, due, at, began, began_with] = columns(call);
        let [run, branch, position] = self::at(claim.run, call.site);
        let added = self
            .execute(
                "INSERT INTO steps
                     (run, branch, position, kind, id, value, error, failures, due, at, began, began_with)
                 SELECT id, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13 FROM runs
                 WHERE id = ?1 AND fence = ?2 AND state = 'running' /*pg FOR NO KEY UPDATE pg*/
                 ON CONFLICT DO NOTHING",
                &[
                    run,
                    claim.fence.into(),
                    branch,
                    position,
                    kind,
                    id,
                    value,
                    error,
                    failures,
                    due,
                    at,
                    began,
                    began_with,
                ],
            )
            .await?;
        Ok(added == 1)
    }

    async fn insert_call(&mut self, run: RunHandle, call: &NewCall<'_>) -> Result<bool, Self::Failure> {
        let [kind, id, value, error, failures, due, at, began, began_with] = columns(call);
        let [run, branch, position] = self::at(run, call.site);
        // An upsert would take an eighth longer in SQLite.
        let added = self
            .execute(
                "INSERT INTO steps
                     (run, branch, position, kind, id, value, error, failures, due, at, began, began_with)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT DO NOTHING",
                &[run, branch, position, kind, id, value, error, failures, due, at, began, began_with],
            )
            .await?;
        Ok(added == 1)
    }

    async fn update_call(&mut self, run: RunHandle, call: &NewCall<'_>) -> Result<(), Self::Failure> {
        let [_, _, value, error, failures, due, at, ..] = columns(call);
        let [run, branch, position] = self::at(run, call.site);
        self.change(
            "UPDATE steps SET value = ?4, error = ?5, failures = CASE WHEN failures > ?6 THEN failures ELSE ?6 END,
                 due = ?7, at = ?8
             WHERE run = ?1 AND branch = ?2 AND position = ?3 AND value IS NULL AND error IS NULL",
            &[run, branch, position, value, error, failures, due, at],
        )
        .await?;
        Ok(())
    }

    async fn find_call(
        &mut self,
        run: RunHandle,
        site: &CallSite,
    ) -> Result<Option<RecordedCall>, Self::Failure> {
        let mut rows = self
            .query(
                "SELECT branch, position, kind, id, value, error, failures, due FROM steps
                 WHERE run = ?1 AND branch = ?2 AND position = ?3",
                &at(run, site),
            )
            .await?;
        Ok(rows.first_mut().map(read_call))
    }

    async fn load_calls(&mut self, run: RunHandle) -> Result<Vec<RecordedCall>, Self::Failure> {
        let mut rows = self
            .query(
                "SELECT branch, position, kind, id, value, error, failures, due FROM steps WHERE run = ?1",
                &[run.into()],
            )
            .await?;
        Ok(rows.iter_mut().map(read_call).collect())
    }

    async fn load_fork(
        &mut self,
        run: RunHandle,
        fork: &CallSite,
    ) -> Result<Vec<RecordedCall>, Self::Failure> {
        let (from, to) = branch_range(fork);
        let mut rows = self
            .query(
                "SELECT branch, position, kind, id, value, error, failures, due FROM steps
                 WHERE run = ?1 AND branch >= ?2 AND branch < ?3",
                &[run.into(), (&from).into(), (&to).into()],
            )
            .await?;
        Ok(rows.iter_mut().map(read_call).collect())
    }

    async fn load_outlines(&mut self, run: RunHandle) -> Result<Vec<CallOutline>, Self::Failure> {
        let mut rows = self
            .query(
                "SELECT branch, position, kind, id,
                        CASE WHEN value IS NULL OR kind NOT IN ('step', 'publish', 'stream') THEN value ELSE '' END,
                        CASE WHEN error IS NULL THEN error ELSE '' END, failures, due, began_with
                 FROM steps WHERE run = ?1",
                &[run.into()],
            )
            .await?;
        let read = |row: &mut Row| {
            let (began_with, call) = (row.text(8), read_call(row));
            let RecordedCall { site, kind, id, outcome } = call;
            CallOutline { site, kind, id, outcome, began_with }
        };
        Ok(rows.iter_mut().map(read).collect())
    }

    async fn load_closed_questions(
        &mut self,
        run: RunHandle,
    ) -> Result<Vec<ClosedQuestionRow>, Self::Failure> {
        let mut rows = self
            .query(
                "SELECT position, at, value FROM steps WHERE run = ?1 AND kind = 'wait' AND value IS NOT NULL",
                &[run.into()],
            )
            .await?;
        let read = |row: &mut Row| {
            let question = serde_json::from_str(&row.text(2)).ok()?;
            Some(ClosedQuestionRow { position: row.count(0), at: row.int(1), question })
        };
        Ok(rows.iter_mut().filter_map(read).collect())
    }

    async fn delete_calls(&mut self, run: RunHandle, sites: &[CallSite]) -> Result<(), Self::Failure> {
        for site in sites {
            let sql = "DELETE FROM steps WHERE run = ?1 AND branch = ?2 AND position = ?3";
            self.change(sql, &at(run, site)).await?;
        }
        Ok(())
    }

    async fn restart_attempts(&mut self, run: RunHandle) -> Result<(), Self::Failure> {
        self.change(
            "UPDATE steps SET failures = 0, due = 0 WHERE run = ?1 AND value IS NULL AND error IS NULL",
            &[run.into()],
        )
        .await?;
        Ok(())
    }

    async fn end_pause(
        &mut self,
        run: RunHandle,
        site: &CallSite,
        value: Option<&str>,
        due: i64,
    ) -> Result<(), Self::Failure> {
        let [run, branch, position] = at(run, site);
        self.change(
            "UPDATE steps SET value = ?4, due = ?5 WHERE run = ?1 AND branch = ?2 AND position = ?3",
            &[run, branch, position, value.into(), due.into()],
        )
        .await?;
        Ok(())
    }

    async fn copy_root(&mut self, from: RunHandle, to: RunHandle, before: u32) -> Result<(), Self::Failure> {
        self.change(
            "INSERT INTO steps (run, branch, position, kind, id, value, error, failures, due, at, began, began_with)
             SELECT ?2, branch, position, kind, id, value, error, failures, due, at, began, began_with
             FROM steps WHERE run = ?1 AND branch = '' AND position < ?3",
            &[from.into(), to.into(), before.into()],
        )
        .await?;
        Ok(())
    }

    async fn copy_fork(
        &mut self,
        from: RunHandle,
        to: RunHandle,
        fork: &CallSite,
    ) -> Result<(), Self::Failure> {
        let (first, end) = branch_range(fork);
        self.change(
            "INSERT INTO steps (run, branch, position, kind, id, value, error, failures, due, at, began, began_with)
             SELECT ?2, branch, position, kind, id, value, error, failures, due, at, began, began_with
             FROM steps WHERE run = ?1 AND branch >= ?3 AND branch < ?4",
            &[from.into(), to.into(), (&first).into(), (&end).into()],
        )
        .await?;
        Ok(())
    }
}
