//! Retrying a failed or halted run. The failure that ended it is removed from the journal, so that the call is made
//! again.

use std::collections::BTreeMap;

use super::super::Entry;
use super::super::inspection::RunStateName;
use super::super::recorded_call::{CallKind, CallSite, Outcome};
use super::lost_branches::winner;
use super::rows::{CallOutline, JournalRows, SignalState};
use super::streams;
use super::{ClosedQuestion, RetryEffect};

/// Makes a failed or halted run due, with fresh attempts.
pub(in crate::storage) async fn retry<R: JournalRows>(
    rows: &mut R,
    run_id: &str,
    event: &Entry,
    stream_ends: &[(String, Entry)],
) -> Result<RetryEffect, R::Failure> {
    let now = rows.now();
    let Some(mut head) = rows.lock_run_by_id(run_id).await? else { return Ok(RetryEffect::NoRun) };
    match head.state {
        RunStateName::Failed => {
            for (stream_id, end) in stream_ends {
                streams::end(rows, stream_id, end).await?;
            }
            let calls = Calls::among(&rows.load_outlines(head.run).await?);
            rows.delete_calls(head.run, &calls.failed_in("")).await?;
        }
        RunStateName::Halted => {}
        RunStateName::Running => return Ok(RetryEffect::Unfinished),
        RunStateName::Completed | RunStateName::Cancelled => return Ok(RetryEffect::NotFailed),
    }
    rows.restart_attempts(head.run).await?;
    let open = rows.load_questions(head.run).await?;
    for signal in rows.list_answers(head.run).await? {
        // The end of the run has closed the question that the signal answered.
        if !open.iter().any(|open| open.answer == Some(signal)) {
            rows.set_signal_state(signal, SignalState::Kept).await?;
        }
    }
    head.state = RunStateName::Running;
    (head.due, head.changed) = (now, now);
    (head.failures, head.crashes) = (0, 0);
    head.fence += 1;
    head.retries += 1;
    rows.update_run_and_outcome(&head, None).await?;
    rows.append(event).await?;
    Ok(RetryEffect::Retried)
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
    fn among(outlines: &[CallOutline]) -> Self {
        let mut calls = Self::default();
        for outline in outlines {
            let CallOutline { site, kind, outcome, began_with, .. } = outline;
            let is_unanswered = || {
                let Outcome::Value(value) = outcome else { return false };
                let question = serde_json::from_str(value).ok().filter(|_| *kind == CallKind::Wait);
                question.is_some_and(|question: ClosedQuestion| question.answer.is_none())
            };
            let mut began_with = began_with.rsplit('/').map(|position| position.parse().ok());
            let has_failed = matches!(outcome, Outcome::Error(_));
            *calls.entry(site.clone()) = Call {
                began_with: began_with.next().flatten(),
                is_fork: kind.is_fork(),
                winner: winner(outline),
                has_failed,
                can_repeat: has_failed || *kind == CallKind::Sleep || is_unanswered(),
            };
            for fork in std::iter::successors(site.fork(), CallSite::fork) {
                let fork = calls.entry(fork);
                fork.is_fork = true;
                // The rows of an earlier version do not have it, but that of the fork itself may.
                fork.began_with = began_with.next().flatten().or(fork.began_with);
            }
        }
        calls
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
