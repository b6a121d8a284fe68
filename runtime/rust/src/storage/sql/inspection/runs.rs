//! Listing runs.

use std::collections::{HashMap, HashSet};

use super::super::questions::read_names;
use super::super::{Param, Row, SqlTransaction, lists};
use super::CHUNK;
use crate::storage::RunHandle;
use crate::storage::inspection::{
    PageBudget, Rows, RunActivity, RunDetailsRow, RunQuery, RunRow, RunStateName,
};

/// Rows that a statement returned, newest first.
struct Source {
    rows: Vec<RunRow>,
    /// If there may be more matching rows, they have smaller numbers than this.
    rest_before: Option<i64>,
}

/// Lists runs, the newest first.
pub(in crate::storage) async fn list<T: SqlTransaction>(
    sql: &mut T,
    query: &RunQuery,
    now: i64,
) -> Result<Rows<RunRow, i64>, T::Error> {
    let mut range = (query.before.unwrap_or(i64::MAX), 0);
    if let Some(time) = query.created_before {
        range.0 = range.0.min(first_created_at(sql, time).await?);
    }
    if let Some(time) = query.created_after {
        range.1 = first_created_at(sql, time).await?;
    }
    let is_wanted = |state: RunStateName| query.states.is_empty() || query.states.contains(&state);
    let mut sources = Vec::new();
    if let Some(channel) = &query.channel {
        let statement = "SELECT id, run, job, channel, state, due, failures, owner IS NOT NULL, lease, created, changed, origin,
                    origin_call, CASE WHEN state IN ('halted', 'failed') THEN outcome END
             FROM runs INDEXED BY runs_by_channel
             WHERE channel = ?4 AND id < ?1 AND id >= ?2 ORDER BY id DESC LIMIT 0 + ?3";
        sources.push(read_source(sql, statement, &[channel.into()], range, query, now).await?);
    } else if query.job.is_none() && query.states.is_empty() && query.activity.is_none() {
        let statement = "SELECT id, run, job, channel, state, due, failures, owner IS NOT NULL, lease, created, changed, origin,
                    origin_call, CASE WHEN state IN ('halted', 'failed') THEN outcome END
             FROM runs WHERE id < ?1 AND id >= ?2 ORDER BY id DESC LIMIT 0 + ?3";
        sources.push(read_source(sql, statement, &[], range, query, now).await?);
    } else {
        if is_wanted(RunStateName::Running) || is_wanted(RunStateName::Halted) {
            let statement = "SELECT id, run, job, channel, state, due, failures, owner IS NOT NULL, lease, created, changed, origin,
                    origin_call, CASE WHEN state IN ('halted', 'failed') THEN outcome END
             FROM runs INDEXED BY open_runs
                 WHERE state IN ('running', 'halted') AND id < ?1 AND id >= ?2 ORDER BY id DESC LIMIT 0 + ?3";
            sources.push(read_source(sql, statement, &[], range, query, now).await?);
        }
        let ended = [RunStateName::Completed, RunStateName::Failed, RunStateName::Cancelled];
        // Only running runs have an activity.
        for state in ended.into_iter().filter(|state| is_wanted(*state) && query.activity.is_none()) {
            let state = state.as_str();
            sources.push(if let Some(job) = &query.job {
                let statement = "SELECT id, run, job, channel, state, due, failures, owner IS NOT NULL, lease, created, changed, origin,
                    origin_call, CASE WHEN state IN ('halted', 'failed') THEN outcome END
             FROM runs INDEXED BY ended_runs_by_job
                     WHERE job = ?5 AND state = ?4 AND state NOT IN ('running', 'halted')
                     AND id < ?1 AND id >= ?2 ORDER BY id DESC LIMIT 0 + ?3";
                read_source(sql, statement, &[state.into(), job.into()], range, query, now).await?
            } else {
                let statement = "SELECT id, run, job, channel, state, due, failures, owner IS NOT NULL, lease, created, changed, origin,
                    origin_call, CASE WHEN state IN ('halted', 'failed') THEN outcome END
             FROM runs INDEXED BY ended_runs_by_state
                     WHERE state = ?4 AND state NOT IN ('running', 'halted')
                     AND id < ?1 AND id >= ?2 ORDER BY id DESC LIMIT 0 + ?3";
                read_source(sql, statement, &[state.into()], range, query, now).await?
            });
        }
    }
    Ok(merge(sources, query.limit))
}

/// Reads the rows of a statement that match a query, with numbers before the first and from the second one in `range`.
async fn read_source<T: SqlTransaction>(
    sql: &mut T,
    statement: &'static str,
    conditions: &[Param<'_>],
    (mut before, from): (i64, i64),
    query: &RunQuery,
    now: i64,
) -> Result<Source, T::Error> {
    let (mut found, mut budget) = (Vec::new(), PageBudget::new(query.limit));
    // If every row matches, one more than the page has shows whether there are more pages.
    let page = i64::try_from(query.limit).map_or(CHUNK, |limit| limit.saturating_add(1).min(CHUNK));
    let mut chunk = if query.job.is_none() && query.activity.is_none() { page } else { CHUNK };
    loop {
        let params = [&[before.into(), from.into(), chunk.into()], conditions].concat();
        let mut rows = sql.query(statement, &params).await?;
        let is_last = i64::try_from(rows.len()).is_ok_and(|rows| rows < chunk);
        let candidates: Vec<Found> = rows.iter_mut().map(Found::read).collect();
        before = candidates.last().map_or(before, |found| found.row.number);
        let details =
            Details::load(sql, candidates.iter().filter(|found| found.may_match(query, now)), now).await?;
        for candidate in candidates {
            let number = candidate.row.number;
            let is_examined = budget.examine(1);
            let run = (is_examined && candidate.may_match(query, now))
                .then(|| candidate.finish(&details, now, &mut budget))
                .filter(|run| query.activity.is_none() || run.activity == query.activity);
            if !is_examined || run.as_ref().is_some_and(|run| !budget.add(bytes(run))) {
                return Ok(Source { rows: found, rest_before: Some(number + 1) });
            }
            found.extend(run);
        }
        if is_last {
            return Ok(Source { rows: found, rest_before: None });
        }
        chunk = CHUNK;
    }
}

fn bytes(run: &RunRow) -> usize {
    let names: usize = run.waiting_for.iter().map(|name| name.len() + 3).sum();
    let error = run.error.as_ref().map_or(0, String::len);
    256 + run.run_id.len() + run.job.len() + run.channel.len() + names + error
}

/// A run without what other tables know about it.
struct Found {
    row: RunRow,
    due: i64,
    has_owner: bool,
    lease: i64,
}

impl Found {
    /// Reads the first columns of all statements about runs. The result of a completed run may be large, so it is left
    /// out.
    fn read(row: &mut Row) -> Self {
        let state = row.text(4);
        let state = RunStateName::ALL.into_iter().find(|known| known.as_str() == state);
        Self {
            row: RunRow {
                number: row.int(0),
                run_id: row.text(1),
                job: row.text(2),
                channel: row.text(3),
                state: state.unwrap_or(RunStateName::Running),
                activity: None,
                waiting_for: Vec::new(),
                due: None,
                failures: row.count(6),
                error: row.optional_text(13),
                created: row.optional_int(9),
                changed: row.int(10),
                origin: row.optional_text(11).zip(row.optional_text(12)),
            },
            due: row.int(5),
            has_owner: row.is_true(7),
            lease: row.int(8),
        }
    }

    /// Returns whether a process holds the run.
    fn is_held(&self, now: i64) -> bool {
        self.has_owner && self.lease >= now
    }

    /// Returns `false` if the run's own row shows that it does not match a query.
    fn may_match(&self, query: &RunQuery, now: i64) -> bool {
        let (is_held, is_due) = (self.is_held(now), self.due <= now);
        let may_have = |activity| match activity {
            RunActivity::Executing => is_held,
            RunActivity::Due => !is_held && is_due,
            _ => !is_held && !is_due,
        };
        query.job.as_ref().is_none_or(|job| *job == self.row.job)
            && (query.states.is_empty() || query.states.contains(&self.row.state))
            && query
                .activity
                .is_none_or(|activity| self.row.state == RunStateName::Running && may_have(activity))
    }

    /// Adds what other tables know about the run.
    fn finish(self, details: &Details, now: i64, budget: &mut PageBudget) -> RunRow {
        let (is_held, is_due, mut run) = (self.is_held(now), self.due <= now, self.row);
        if let Some(questions) = details.questions.get(&run.number) {
            budget.examine(questions.len());
            let mut known = HashSet::new();
            let names = questions.iter().flatten();
            run.waiting_for = names.filter(|name| known.insert(name.as_str())).cloned().collect();
        }
        run.activity = match run.state {
            RunStateName::Running if is_held => Some(RunActivity::Executing),
            RunStateName::Running if is_due => Some(RunActivity::Due),
            RunStateName::Running if !run.waiting_for.is_empty() => Some(RunActivity::Waiting),
            RunStateName::Running if run.failures > 0 || details.retrying.contains(&run.number) => {
                Some(RunActivity::Retrying)
            }
            RunStateName::Running => Some(RunActivity::Sleeping),
            _ => None,
        };
        run.due = Some(self.due)
            .filter(|_| run.activity.is_some_and(|activity| activity != RunActivity::Executing));
        run
    }
}

/// The rows of other tables that belong to unfinished runs.
#[derive(Default)]
struct Details {
    /// The names in the questions without an answer, by the number of the run.
    questions: HashMap<i64, Vec<Vec<String>>>,
    /// The runs with a step that waits for its next attempt.
    retrying: HashSet<i64>,
}

impl Details {
    async fn load<'f, T: SqlTransaction>(
        sql: &mut T,
        runs: impl Iterator<Item = &'f Found>,
        now: i64,
    ) -> Result<Self, T::Error> {
        let is_unfinished =
            |found: &&Found| matches!(found.row.state, RunStateName::Running | RunStateName::Halted);
        let runs: Vec<RunHandle> =
            runs.filter(is_unfinished).map(|found| RunHandle(found.row.number)).collect();
        let mut details = Self::default();
        for params in lists(&[], runs.iter().copied()) {
            let rows = sql
                .query(
                    "SELECT run, names FROM waits WHERE run IN (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,
                         ?14, ?15, ?16) AND answer IS NULL
                     ORDER BY since, branch, position",
                    &params,
                )
                .await?;
            for mut row in rows {
                details.questions.entry(row.int(0)).or_default().push(read_names(&row.text(1)));
            }
        }
        for params in lists(&[now.into()], runs) {
            let rows = sql
                .query(
                    "SELECT DISTINCT run FROM steps INDEXED BY begun_steps_by_run
                     WHERE run IN (?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
                     AND value IS NULL AND error IS NULL AND due > ?1",
                    &params,
                )
                .await?;
            details.retrying.extend(rows.iter().map(|row| row.int(0)));
        }
        Ok(details)
    }
}

/// Returns the smallest number from which on runs were created at or after a time. Numbers ascend with the time. Runs
/// without a recorded time are older than all others.
async fn first_created_at<T: SqlTransaction>(sql: &mut T, time: i64) -> Result<i64, T::Error> {
    let last = sql.query("SELECT coalesce(max(id), 0) FROM runs", &[]).await?;
    let (mut low, mut high) = (0, last.first().map_or(0, |row| row.int(0)) + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let next = sql
            .query(
                "SELECT id, coalesce(created, 0) FROM runs WHERE id >= ?1 ORDER BY id LIMIT 1",
                &[middle.into()],
            )
            .await?;
        match next.first() {
            Some(run) if run.int(1) < time => low = run.int(0) + 1,
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
pub(in crate::storage) async fn read<T: SqlTransaction>(
    sql: &mut T,
    run_id: &str,
    now: i64,
) -> Result<Option<RunDetailsRow>, T::Error> {
    let statement = "SELECT id, run, job, channel, state, due, failures, owner IS NOT NULL, lease, created, changed, origin,
                    origin_call, CASE WHEN state IN ('halted', 'failed') THEN outcome END, input, CASE WHEN state = 'completed' THEN outcome END
             FROM runs WHERE run = ?1";
    let mut rows = sql.query(statement, &[run_id.into()]).await?;
    let Some(row) = rows.first_mut() else { return Ok(None) };
    let (found, input, result) = (Found::read(row), row.text(14), row.optional_text(15));
    let details = Details::load(sql, std::iter::once(&found), now).await?;
    Ok(Some(RunDetailsRow { run: found.finish(&details, now, &mut PageBudget::new(1)), input, result }))
}
