//! The runs in SQL.

use super::{Param, Row, SqlJournal, SqlTransaction, lists};
use crate::clock::from_milliseconds;
use crate::storage::inspection::RunStateName;
use crate::storage::journal::rows::{AskingRun, DueRun, HeldRun, Origin, RunHead, RunRows};
use crate::storage::{Claim, NewRun, RunCounts, RunHandle, RunRecord, RunState};

/// Reads the columns with which the statements of this file begin.
fn read_head(row: &mut Row) -> RunHead {
    let state = row.text(3);
    let state = RunStateName::ALL.into_iter().find(|known| known.as_str() == state);
    RunHead {
        run: RunHandle(row.int(0)),
        run_id: row.text(1),
        channel: row.text(2),
        state: state.unwrap_or(RunStateName::Running),
        due: row.int(4),
        failures: row.count(5),
        crashes: row.count(6),
        retries: row.count(7),
        progress: row.count(8),
        owner: row.optional_int(9).and_then(|owner| u32::try_from(owner).ok()),
        lease: row.int(10),
        fence: row.int(11),
        changed: row.int(12),
        origin: row
            .optional_text(13)
            .zip(row.optional_text(14))
            .map(|(run_id, call)| Origin { run_id, call }),
    }
}

fn read_held(row: &mut Row) -> HeldRun {
    HeldRun { recorded: row.count(15), head: read_head(row) }
}

fn handles(rows: &[Row]) -> Vec<RunHandle> {
    rows.iter().map(|row| RunHandle(row.int(0))).collect()
}

fn limit(rows: usize) -> Param<'static> {
    i64::try_from(rows).unwrap_or(i64::MAX).into()
}

/// Releases the runs that a process holds.
pub(in crate::storage) async fn release_runs<T: SqlTransaction>(
    sql: &mut T,
    owner: u32,
) -> Result<(), T::Error> {
    sql.change("UPDATE runs SET owner = NULL, lease = 0 WHERE owner = ?1", &[owner.into()]).await?;
    Ok(())
}

impl<T: SqlJournal> RunRows for T {
    async fn insert_run(
        &mut self,
        run: &NewRun,
        origin: Option<&Origin>,
        at: i64,
    ) -> Result<Option<RunHandle>, Self::Failure> {
        let NewRun { run_id, job, channel, input } = run;
        let (origin, call) = origin.map(|origin| (&*origin.run_id, &*origin.call)).unzip();
        let inserted = self
            .query(
                "INSERT INTO runs (run, job, channel, input, state, due, changed, created, origin, origin_call)
                 VALUES (?1, ?2, ?3, ?4, 'running', ?5, ?5, ?5, ?6, ?7) ON CONFLICT DO NOTHING RETURNING id",
                &[run_id.into(), job.into(), channel.into(), input.into(), at.into(), origin.into(), call.into()],
            )
            .await?;
        Ok(handles(&inserted).pop())
    }

    async fn lock_run(&mut self, run: RunHandle) -> Result<Option<RunHead>, Self::Failure> {
        let mut rows = self
            .query(
                "SELECT id, run, channel, state, due, failures, crashes, retries, progress, owner, lease, fence,
                        changed, origin, origin_call
                 FROM runs WHERE id = ?1 /*pg FOR NO KEY UPDATE pg*/",
                &[run.into()],
            )
            .await?;
        Ok(rows.first_mut().map(read_head))
    }

    async fn lock_run_by_id(&mut self, run_id: &str) -> Result<Option<RunHead>, Self::Failure> {
        let mut rows = self
            .query(
                "SELECT id, run, channel, state, due, failures, crashes, retries, progress, owner, lease, fence,
                        changed, origin, origin_call
                 FROM runs WHERE run = ?1 /*pg FOR NO KEY UPDATE pg*/",
                &[run_id.into()],
            )
            .await?;
        Ok(rows.first_mut().map(read_head))
    }

    async fn read_run(&mut self, run_id: &str) -> Result<Option<RunRecord>, Self::Failure> {
        let mut rows = self
            .query(
                "SELECT id, job, channel, input, state, outcome FROM runs WHERE run = ?1",
                &[run_id.into()],
            )
            .await?;
        Ok(rows.first_mut().map(|row| {
            let outcome = row.text(5);
            let state = match row.text(4).as_str() {
                "halted" => RunState::Halted(outcome),
                "completed" => RunState::Completed(outcome),
                "failed" => RunState::Failed(outcome),
                "cancelled" => RunState::Cancelled,
                _ => RunState::Unfinished { waiting_for: Vec::new() },
            };
            let (job, channel, input) = (row.text(1), row.text(2), row.text(3));
            RunRecord { run: RunHandle(row.int(0)), job, channel, input, state }
        }))
    }

    async fn update_run(&mut self, head: &RunHead) -> Result<(), Self::Failure> {
        self.change(
            "UPDATE runs SET state = ?2, due = ?3, failures = ?4, crashes = ?5, retries = ?6, progress = ?7,
                 owner = ?8, lease = ?9, fence = ?10, changed = ?11
             WHERE id = ?1",
            &head_params(head),
        )
        .await?;
        Ok(())
    }

    async fn update_run_and_outcome(
        &mut self,
        head: &RunHead,
        outcome: Option<&str>,
    ) -> Result<(), Self::Failure> {
        let mut params = head_params(head).to_vec();
        params.push(outcome.into());
        self.change(
            "UPDATE runs SET state = ?2, due = ?3, failures = ?4, crashes = ?5, retries = ?6, progress = ?7,
                 owner = ?8, lease = ?9, fence = ?10, changed = ?11, outcome = ?12
             WHERE id = ?1",
            &params,
        )
        .await?;
        Ok(())
    }

    async fn lock_claim(&mut self, claim: Claim) -> Result<bool, Self::Failure> {
        let valid = self
            .query(
                "SELECT 1 FROM runs WHERE id = ?1 AND fence = ?2 AND state = 'running' /*pg FOR NO KEY UPDATE pg*/",
                &[claim.run.into(), claim.fence.into()],
            )
            .await?;
        Ok(!valid.is_empty())
    }

    async fn find_valid_claims(&mut self, claims: &[Claim]) -> Result<Vec<Claim>, Self::Failure> {
        let mut valid = Vec::new();
        for params in lists(&[], claims.iter().map(|claim| claim.run)) {
            let rows = self
                .query(
                    "SELECT id, fence FROM runs WHERE state = 'running' AND id IN (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,
                         ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
                    &params,
                )
                .await?;
            valid.extend(rows.iter().map(|row| Claim { run: RunHandle(row.int(0)), fence: row.int(1) }));
        }
        Ok(claims.iter().filter(|claim| valid.contains(claim)).copied().collect())
    }

    async fn extend_leases(
        &mut self,
        claims: &[Claim],
        owner: u32,
        lease: i64,
    ) -> Result<Vec<Claim>, Self::Failure> {
        let mut extended = Vec::new();
        for claim in claims {
            let count = self
                .execute(
                    "UPDATE runs SET lease = ?4 WHERE id = ?1 AND fence = ?2 AND owner = ?3 AND state = 'running'",
                    &[claim.run.into(), claim.fence.into(), owner.into(), lease.into()],
                )
                .await?;
            if count == 1 {
                extended.push(*claim);
            }
        }
        Ok(extended)
    }

    async fn list_due(
        &mut self,
        jobs: &[String],
        are_suspect: bool,
        now: i64,
        rows: usize,
    ) -> Result<Vec<DueRun>, Self::Failure> {
        // SQLite uses an index of some runs only if the statement contains the condition of the index.
        let sql = if are_suspect {
            "SELECT id, run, channel, state, due, failures, crashes, retries, progress, owner, lease, fence, changed,
                    origin, origin_call,
                    (SELECT count(*) FROM steps
                     WHERE steps.run = runs.id AND (value IS NOT NULL OR error IS NOT NULL)), job, input
             FROM runs
             WHERE state = 'running' AND crashes >= 2 AND due <= ?1 AND lease < ?1 AND job IN (
                 ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
             ORDER BY due LIMIT 0 + ?2 /*pg FOR NO KEY UPDATE SKIP LOCKED pg*/"
        } else {
            "SELECT id, run, channel, state, due, failures, crashes, retries, progress, owner, lease, fence, changed,
                    origin, origin_call,
                    (SELECT count(*) FROM steps
                     WHERE steps.run = runs.id AND (value IS NOT NULL OR error IS NOT NULL)), job, input
             FROM runs
             WHERE state = 'running' AND crashes < 2 AND due <= ?1 AND lease < ?1 AND job IN (
                 ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
             ORDER BY due LIMIT 0 + ?2 /*pg FOR NO KEY UPDATE SKIP LOCKED pg*/"
        };
        let mut due = Vec::new();
        // With a bare parameter as the limit, SQLite would recompile the statement each time.
        for params in lists(&[now.into(), limit(rows)], jobs) {
            let mut found = self.query(sql, &params).await?;
            due.extend(found.iter_mut().map(|row| DueRun {
                job: row.text(16),
                input: row.text(17),
                held: read_held(row),
            }));
        }
        due.sort_by_key(|run| run.held.head.due);
        due.truncate(rows);
        Ok(due)
    }

    async fn holds_suspect(&mut self, owner: u32, now: i64) -> Result<bool, Self::Failure> {
        let held = self
            .query(
                "SELECT 1 FROM runs WHERE owner = ?1 AND lease >= ?2 AND crashes >= 2 LIMIT 1",
                &[owner.into(), now.into()],
            )
            .await?;
        Ok(!held.is_empty())
    }

    async fn list_held(&mut self, owner: u32) -> Result<Vec<HeldRun>, Self::Failure> {
        let mut rows = self
            .query(
                "SELECT id, run, channel, state, due, failures, crashes, retries, progress, owner, lease, fence,
                        changed, origin, origin_call,
                        (SELECT count(*) FROM steps
                         WHERE steps.run = runs.id AND (value IS NOT NULL OR error IS NOT NULL))
                 FROM runs WHERE owner = ?1 ORDER BY id /*pg FOR NO KEY UPDATE pg*/",
                &[owner.into()],
            )
            .await?;
        Ok(rows.iter_mut().map(read_held).collect())
    }

    async fn release_runs(&mut self, owner: u32) -> Result<(), Self::Failure> {
        release_runs(self, owner).await
    }

    async fn make_due(&mut self, runs: &[RunHandle], now: i64) -> Result<(), Self::Failure> {
        for params in lists(&[now.into()], runs.iter().copied()) {
            self.change(
                "UPDATE runs SET due = ?1 WHERE owner IS NULL AND due > ?1 AND id IN (?2, ?3, ?4, ?5, ?6, ?7, ?8,
                     ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
                &params,
            )
            .await?;
        }
        Ok(())
    }

    async fn resume_halted(&mut self, jobs: &[String], now: i64) -> Result<(), Self::Failure> {
        for params in lists(&[now.into()], jobs) {
            self.change(
                "UPDATE runs SET state = 'running', due = ?1 WHERE state = 'halted' AND job IN (?2, ?3, ?4, ?5, ?6,
                     ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
                &params,
            )
            .await?;
        }
        Ok(())
    }

    async fn list_questions_of_channel(&mut self, channel: &str) -> Result<Vec<AskingRun>, Self::Failure> {
        let mut rows = self
            .query(
                "SELECT runs.id, names, since FROM runs CROSS JOIN waits
                 WHERE channel = ?1 AND state IN ('running', 'halted') AND waits.run = runs.id",
                &[channel.into()],
            )
            .await?;
        let read = |row: &mut Row| AskingRun {
            run: RunHandle(row.int(0)),
            names: super::questions::read_names(&row.text(1)),
            asked_at: row.int(2),
        };
        Ok(rows.iter_mut().map(read).collect())
    }

    async fn find_oldest_unfinished(&mut self, channel: &str) -> Result<Option<RunHandle>, Self::Failure> {
        let rows = self
            .query(
                "SELECT id FROM runs WHERE channel = ?1 AND state IN ('running', 'halted') ORDER BY id LIMIT 1",
                &[channel.into()],
            )
            .await?;
        Ok(handles(&rows).pop())
    }

    async fn find_latest(&mut self, channel: &str) -> Result<Option<RunHandle>, Self::Failure> {
        let rows = self
            .query("SELECT id FROM runs WHERE channel = ?1 ORDER BY id DESC LIMIT 1", &[channel.into()])
            .await?;
        Ok(handles(&rows).pop())
    }

    async fn list_ended(&mut self, before: i64, rows: usize) -> Result<Vec<RunHandle>, Self::Failure> {
        let rows = self
            .query(
                "SELECT id FROM runs WHERE state NOT IN ('running', 'halted') AND changed < ?1 ORDER BY changed
                 LIMIT 0 + ?2 /*pg FOR UPDATE SKIP LOCKED pg*/",
                &[before.into(), limit(rows)],
            )
            .await?;
        Ok(handles(&rows))
    }

    async fn delete_runs(&mut self, runs: &[RunHandle]) -> Result<(), Self::Failure> {
        for params in lists(&[], runs.iter().copied()) {
            for sql in [
                "DELETE FROM steps WHERE run IN (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
                "DELETE FROM waits WHERE run IN (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
                "DELETE FROM signals WHERE run IN (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
                "DELETE FROM streams WHERE run IN (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
                "DELETE FROM pieces WHERE run IN (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
                "DELETE FROM runs WHERE id IN (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
            ] {
                if !(sql.contains("signals") && bug!(SignalsNotDeleted)) {
                    self.change(sql, &params).await?;
                }
            }
        }
        Ok(())
    }

    async fn count_runs(&mut self, now: i64) -> Result<RunCounts, Self::Failure> {
        let rows = self
            .query(
                "SELECT state = 'halted', owner IS NOT NULL AND lease >= ?1, due <= ?1, count(*), min(due) FROM runs
                 WHERE state IN ('running', 'halted') GROUP BY 1, 2, 3",
                &[now.into()],
            )
            .await?;
        let mut counts = RunCounts::default();
        for row in rows {
            let runs = u64::from(row.count(3));
            match (row.is_true(0), row.is_true(1), row.is_true(2)) {
                (true, _, _) => counts.halted += runs,
                (false, true, _) => counts.executing += runs,
                (false, false, false) => counts.waiting += runs,
                (false, false, true) => {
                    counts.due += runs;
                    counts.oldest_due = Some(from_milliseconds(row.int(4)));
                }
            }
        }
        Ok(counts)
    }
}

fn head_params(head: &RunHead) -> [Param<'_>; 11] {
    [
        head.run.into(),
        head.state.as_str().into(),
        head.due.into(),
        head.failures.into(),
        head.crashes.into(),
        head.retries.into(),
        head.progress.into(),
        Param::Int(head.owner.map(i64::from)),
        head.lease.into(),
        head.fence.into(),
        head.changed.into(),
    ]
}
