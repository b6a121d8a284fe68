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
    for CallSite { branch, position } in calls.failed_in("") {
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
    /// The first call that it began together with. `None` in runs of earlier versions.
    began_with: Option<u32>,
    is_fork: bool,
    /// The branch that decided a fork.
    winner: Option<u32>,
    has_failed: bool,
    /// A failed call, an unanswered question or a sleep.
    can_repeat: bool,
}

impl Calls {
    fn load(transaction: &Transaction<'_>, run: RunHandle) -> Result<Self> {
        let mut statement = transaction.prepare_cached(
            "SELECT branch, position, kind, error IS NOT NULL, began_with,
             CASE WHEN kind IN ('wait', 'join', 'first', 'within', 'map') THEN value END
             FROM steps WHERE run = ?1",
        )?;
        let mut rows = statement.query([run])?;
        let mut calls = Self::default();
        while let Some(row) = rows.next()? {
            let site = CallSite { branch: row.get(0)?, position: row.get(1)? };
            let (kind, value): (String, Option<String>) = (row.get(2)?, row.get(5)?);
            let is_fork = CallKind::ALL.into_iter().any(|known| known.is_fork() && known.name() == kind);
            let is_unanswered = || {
                let question = value.as_deref().and_then(|value| serde_json::from_str(value).ok());
                question.is_some_and(|question: ClosedQuestion| question.answer.is_none())
            };
            let began_with: String = row.get(4)?;
            let mut began_with = began_with.rsplit('/').map(|position| position.parse().ok());
            let has_failed = row.get(3)?;
            *calls.entry(site.clone()) = Call {
                began_with: began_with.next().flatten(),
                is_fork,
                winner: value.as_deref().filter(|_| is_fork).and_then(|value| value.parse().ok()),
                has_failed,
                can_repeat: has_failed || kind == CallKind::Sleep.name() || is_unanswered(),
            };
            for fork in std::iter::successors(site.fork(), CallSite::fork) {
                let fork = calls.entry(fork);
                fork.is_fork = true;
                // The rows of an earlier version do not have it, but that of the fork itself may.
                fork.began_with = began_with.next().flatten().or(fork.began_with);
            }
        }
        Ok(calls)
    }

    fn entry(&mut self, site: CallSite) -> &mut Call {
        self.0.entry(site.branch).or_default().entry(site.position).or_default()
    }

    /// Returns the calls of a branch after whose results it has made no call: the last one, and those that began
    /// together with it, as in `tokio::join!`.
    fn last_in(&self, branch: &str) -> impl Iterator<Item = (CallSite, Call)> {
        let calls = self.0.get(branch).into_iter().flatten();
        let last = calls.clone().next_back().map(|(position, call)| (*position, call.began_with));
        let is_last = move |position: &u32, call: &Call| {
            last.is_some_and(|(last, group)| {
                *position == last || (group.is_some() && call.began_with == group)
            })
        };
        let branch = branch.to_owned();
        calls
            .filter(move |(position, call)| is_last(position, call))
            .map(move |(position, call)| (CallSite { branch: branch.clone(), position: *position }, *call))
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

    /// Returns the calls to remove, so that the failures that ended a branch are attempted again. There are none if no
    /// recorded failure ended it, or if the job has acted on the failure.
    fn failed_in(&self, branch: &str) -> Vec<CallSite> {
        let mut removed = Vec::new();
        for (site, call) in self.last_in(branch) {
            if call.has_failed {
                removed.push(site);
            } else if let Some(winner) = call.winner {
                let winner = site.child(winner);
                let failed = self.failed_in(&winner);
                if failed.is_empty() {
                    continue;
                }
                removed.extend(failed);
                for other in self.branches_of(&site).filter(|other| *other != winner) {
                    self.add_repeatable(other, &mut removed);
                }
                removed.push(site);
            }
        }
        removed
    }

    /// Adds the last calls of a branch that can be made again.
    fn add_repeatable(&self, branch: &str, removed: &mut Vec<CallSite>) {
        for (site, call) in self.last_in(branch) {
            if call.can_repeat {
                removed.push(site);
            } else if call.is_fork && call.winner.is_none() {
                // Its branches have not finished, or the job has not acted on their results.
                for inner in self.branches_of(&site) {
                    self.add_repeatable(inner, removed);
                }
            }
        }
    }
}
