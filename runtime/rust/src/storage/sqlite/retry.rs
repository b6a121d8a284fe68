//! Retrying a failed or halted run. The failure that ended it is removed from the journal, so that the call is made
//! again.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Result, Transaction, params};

use super::super::{CallKind, CallSite, ClosedQuestion, Entry, RetryEffect, RunHandle};
use super::batch::Batch;
use super::streams;

/// Makes a failed or halted run due, with fresh attempts.
pub(super) fn retry(
    batch: &mut Batch<'_>,
    run_id: &str,
    event: &Entry,
    stream_ends: &[(String, Entry)],
) -> Result<RetryEffect> {
    let (transaction, now) = (batch.transaction, batch.now_in_milliseconds());
    let mut statement = transaction.prepare_cached("SELECT id, state FROM runs WHERE run = ?1")?;
    let found = statement.query_row([run_id], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)));
    let Some((run, state)): Option<(RunHandle, String)> = found.optional()? else {
        return Ok(RetryEffect::NoRun);
    };
    match state.as_str() {
        "failed" => {
            for (stream_id, end) in stream_ends {
                streams::end(batch, stream_id, end)?;
            }
            undo_failure(transaction, run)?;
        }
        "halted" => {}
        "running" => return Ok(RetryEffect::Unfinished),
        _ => return Ok(RetryEffect::NotFailed),
    }
    for sql in [
        "UPDATE steps SET failures = 0, due = 0 WHERE run = ?1 AND value IS NULL AND error IS NULL",
        // The end of the run has closed the questions that these signals answered.
        "UPDATE signals SET state = 'kept' WHERE run = ?1 AND state = 'answer'
         AND id NOT IN (SELECT answer FROM waits WHERE run = ?1 AND answer IS NOT NULL)",
    ] {
        transaction.prepare_cached(sql)?.execute([run])?;
    }
    let mut make_due = transaction.prepare_cached(
        "UPDATE runs SET state = 'running', outcome = NULL, due = ?2, changed = ?2, failures = 0, crashes = 0,
         fence = fence + 1, retries = retries + 1 WHERE id = ?1",
    )?;
    make_due.execute(params![run, now])?;
    batch.append(event)?;
    Ok(RetryEffect::Retried)
}

/// Removes the calls whose failure ended the run.
fn undo_failure(transaction: &Transaction<'_>, run: RunHandle) -> Result<()> {
    let calls = Calls::load(transaction, run)?;
    let mut delete =
        transaction.prepare_cached("DELETE FROM steps WHERE run = ?1 AND branch = ?2 AND position = ?3")?;
    for CallSite { branch, position } in calls.failed_in("").unwrap_or_default() {
        delete.execute(params![run, branch, position])?;
    }
    Ok(())
}

/// The calls of a run by branch and position, without their values.
#[derive(Default)]
struct Calls(BTreeMap<String, BTreeMap<u32, Call>>);

/// A recorded call, or a fork that recorded nothing itself.
#[derive(Clone, Copy, Default)]
struct Call {
    is_fork: bool,
    /// The branch that decided a fork.
    winner: Option<u32>,
    has_failed: bool,
    /// A failed call, an unanswered question or a sleep.
    can_repeat: bool,
    began: Option<i64>,
    ended: i64,
}

impl Calls {
    fn load(transaction: &Transaction<'_>, run: RunHandle) -> Result<Self> {
        let mut statement = transaction.prepare_cached(
            "SELECT branch, position, kind, error IS NOT NULL, began, at,
             CASE WHEN kind IN ('wait', 'join', 'first', 'within', 'map') THEN value END
             FROM steps WHERE run = ?1",
        )?;
        let mut rows = statement.query([run])?;
        let mut calls = Self::default();
        while let Some(row) = rows.next()? {
            let site = CallSite { branch: row.get(0)?, position: row.get(1)? };
            let (kind, value): (String, Option<String>) = (row.get(2)?, row.get(6)?);
            let is_fork = CallKind::ALL.into_iter().any(|known| known.is_fork() && known.name() == kind);
            let is_unanswered = || {
                let question = value.as_deref().and_then(|value| serde_json::from_str(value).ok());
                question.is_some_and(|question: ClosedQuestion| question.answer.is_none())
            };
            let has_failed = row.get(3)?;
            for fork in std::iter::successors(site.fork(), CallSite::fork) {
                calls.entry(fork).is_fork = true;
            }
            *calls.entry(site) = Call {
                is_fork,
                winner: value.as_deref().filter(|_| is_fork).and_then(|value| value.parse().ok()),
                has_failed,
                can_repeat: has_failed || kind == CallKind::Sleep.name() || is_unanswered(),
                began: row.get(4)?,
                ended: row.get(5)?,
            };
        }
        Ok(calls)
    }

    fn entry(&mut self, site: CallSite) -> &mut Call {
        self.0.entry(site.branch).or_default().entry(site.position).or_default()
    }

    fn in_branch(&self, branch: &str) -> impl DoubleEndedIterator<Item = (CallSite, Call)> {
        let calls = self.0.get(branch).into_iter().flatten();
        let branch = branch.to_owned();
        calls.map(move |(position, call)| (CallSite { branch: branch.clone(), position: *position }, *call))
    }

    /// Returns the branches of a fork that have recorded anything.
    fn branches_of(&self, fork: &CallSite) -> impl Iterator<Item = &str> {
        let prefix = fork.child(0);
        let prefix = prefix.trim_end_matches('0').to_owned();
        let is_branch = move |branch: &&String| {
            branch.strip_prefix(prefix.as_str()).is_some_and(|index| !index.contains('/'))
        };
        self.0.keys().filter(is_branch).map(String::as_str)
    }

    /// Returns the calls to remove, so that the failure that ended a branch is attempted again. Returns `None` if no
    /// recorded failure did, or if the job has acted on it.
    fn failed_in(&self, branch: &str) -> Option<Vec<CallSite>> {
        let failed: Vec<CallSite> = self
            .in_branch(branch)
            .filter(|(site, call)| call.has_failed && !self.has_acted_on(site, call))
            .map(|(site, _)| site)
            .collect();
        if !failed.is_empty() {
            return Some(failed);
        }
        let (fork, Call { winner: Some(winner), .. }) = self.in_branch(branch).next_back()? else {
            return None;
        };
        let winner = fork.child(winner);
        let mut removed = self.failed_in(&winner)?;
        for other in self.branches_of(&fork).filter(|other| *other != winner) {
            self.add_repeatable(other, &mut removed);
        }
        removed.push(fork);
        Some(removed)
    }

    /// Returns whether a later call of the branch began after a failure was recorded. If the times are unknown, it did.
    fn has_acted_on(&self, site: &CallSite, failed: &Call) -> bool {
        let later = self.in_branch(&site.branch).filter(|(other, _)| other.position > site.position);
        later.into_iter().any(|(_, call)| call.began.is_none_or(|began| began >= failed.ended))
    }

    /// Adds the last call of a branch, if it can be made again.
    fn add_repeatable(&self, branch: &str, removed: &mut Vec<CallSite>) {
        match self.in_branch(branch).next_back() {
            Some((site, call)) if call.can_repeat => removed.push(site),
            // The branches of an undecided fork have not finished, or the fork has not acted on their results.
            Some((fork, Call { is_fork: true, winner: None, .. })) => {
                for inner in self.branches_of(&fork) {
                    self.add_repeatable(inner, removed);
                }
            }
            _ => {}
        }
    }
}
